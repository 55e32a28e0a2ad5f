/// A request over HTTP, from this machine. Output: `{"status","headers","body","changed","value"}`; `body` only if it is text and neither is extracted
/// from nor too large, `value` only if a type is declared or something is extracted.
package struct HTTPSpec: Hashable, Sendable {
    package enum Method: String, Hashable, Sendable, Codable, CaseIterable {
        case get = "GET"
        case head = "HEAD"
        case options = "OPTIONS"
        case put = "PUT"
        case delete = "DELETE"
        case post = "POST"
        case patch = "PATCH"

        /// To ask changes nothing (RFC 9110 §9.2.1): it may be asked again without anybody's leave.
        package var isSafe: Bool {
            switch self {
            case .get, .head, .options: true
            case .put, .delete, .post, .patch: false
            }
        }
    }

    package struct Field: Hashable, Sendable, Codable {
        package var name: String
        package var value: Expression

        package init(name: String, value: Expression) {
            self.name = name
            self.value = value
        }
    }

    package enum Body: Hashable, Sendable {
        case json(Expression)
        case form([Field])
        case text(Expression)
        /// An absolute path here.
        case file(Expression)
    }

    package enum Authorization: Hashable, Sendable {
        case bearer(Expression)
        case basic(user: Expression, password: Expression)
    }

    /// What is taken out of an answer in XML, by XPath; a name without a prefix is that in any namespace unless prefixes are given.
    package struct Extraction: Hashable, Sendable, Codable {
        package var paths: [String: String]
        package var namespaces: [String: String]?

        package init(paths: [String: String], namespaces: [String: String]? = nil) {
            self.paths = paths
            self.namespaces = namespaces
        }
    }

    /// Files in PEM here, by absolute path: who is believed, and who we are.
    package struct Identity: Hashable, Sendable, Codable {
        package var authorities: Expression?
        package var certificate: Expression?
        package var key: Expression?

        package init(authorities: Expression? = nil, certificate: Expression? = nil, key: Expression? = nil) {
            self.authorities = authorities
            self.certificate = certificate
            self.key = key
        }
    }

    package var method: Method
    /// `http://…` or `https://…`. Values in it are encoded by the place in which they stand (`URLText`).
    package var url: Expression
    package var headers: [Field]
    package var query: [Field]
    package var body: Body?
    package var authorization: Authorization?
    /// The statuses that are a success.
    package var expect: [StatusRange]
    package var xml: Extraction?
    /// Redirects that are followed; to another host without credentials.
    package var redirects: Int
    package var tls: Identity?
    /// `http://HOST:PORT`.
    package var proxy: Expression?
    /// Seconds until a connection is there, and from the request to the beginning of the answer.
    package var connectSeconds: Double
    package var responseSeconds: Double
    /// Bytes of the answer's body.
    package var bodyBytes: Int

    package init(
        _ method: Method, _ url: Expression, headers: [Field] = [], query: [Field] = [], body: Body? = nil, authorization: Authorization? = nil,
        expect: [StatusRange] = [StatusRange.success], xml: Extraction? = nil, redirects: Int = 0, tls: Identity? = nil, proxy: Expression? = nil,
        connectSeconds: Double = 10, responseSeconds: Double = 60, bodyBytes: Int = Limits.httpBodyBytes
    ) {
        self.method = method
        self.url = url
        self.headers = headers
        self.query = query
        self.body = body
        self.authorization = authorization
        self.expect = expect
        self.xml = xml
        self.redirects = redirects
        self.tls = tls
        self.proxy = proxy
        self.connectSeconds = connectSeconds
        self.responseSeconds = responseSeconds
        self.bodyBytes = bodyBytes
    }
}

extension HTTPSpec: WorkSpec {
    package static let kind = "http"

    package var expressions: [Expression] {
        var all = [url] + (headers + query).map(\.value)
        switch body {
        case .json(let value)?, .text(let value)?, .file(let value)?: all.append(value)
        case .form(let fields)?: all += fields.map(\.value)
        case nil: break
        }
        switch authorization {
        case .bearer(let token)?: all.append(token)
        case .basic(let user, let password)?: all += [user, password]
        case nil: break
        }
        return all + [tls?.authorities, tls?.certificate, tls?.key, proxy].compactMap { $0 }
    }

    package func order(_ values: WorkValues) throws(EvaluationError) -> any WorkOrder {
        func fields(_ fields: [Field]) throws(EvaluationError) -> [HTTPWork.Field] {
            var given: [HTTPWork.Field] = []
            for field in fields { given.append(.init(name: field.name, value: try values.text(field.value))) }
            return given
        }
        var body: HTTPWork.Body?
        switch self.body {
        case .json(let value)?: body = .json(try values.value(value))
        case .form(let form)?: body = .form(try fields(form))
        case .text(let text)?: body = .text(try values.text(text))
        case .file(let path)?: body = .file(try values.text(path))
        case nil: break
        }
        var authorization: HTTPWork.Authorization?
        switch self.authorization {
        case .bearer(let token)?: authorization = .bearer(try values.text(token))
        case .basic(let user, let password)?: authorization = .basic(user: try values.text(user), password: try values.text(password))
        case nil: break
        }
        return HTTPWork(
            method: method, url: try URLText(url, values), headers: try fields(headers), query: try fields(query), body: body,
            authorization: authorization, expect: expect, xml: xml, redirects: redirects, authorities: try values.text(tls?.authorities),
            certificate: try values.text(tls?.certificate), key: try values.text(tls?.key), proxy: try values.text(proxy),
            connectSeconds: connectSeconds, responseSeconds: responseSeconds, bodyBytes: bodyBytes, output: values.output)
    }

    package func outputShape(declared: TypeShape?) -> TypeShape? {
        let value = declared ?? xml.map { _ in .dictionary(.list(.string)) }
        let fields: [TypeShape.Field] = [
            .init(name: "status", shape: .int), .init(name: "headers", shape: .dictionary(.string)),
            .init(name: "body", shape: .optional(.string)), .init(name: "changed", shape: .bool),
        ]
        return .object(fields + (value.map { [.init(name: "value", shape: $0)] } ?? []))
    }

    package func givenShape(declared: TypeShape?) -> TypeShape? { declared ?? xml.map { _ in .dictionary(.list(.string)) } }

    package func assumedOutput(_ given: JSON?) -> JSON {
        var members: [String: JSON] = ["status": .int(expect.first?.first ?? 200), "headers": [:], "changed": .bool(!method.isSafe)]
        if let given { members["value"] = given }
        return .object(members)
    }

    package func rehearsedOutput(of step: String, declared: TypeShape?, given: JSON?) -> JSON {
        var members = assumedOutput(nil).objectValue ?? [:]
        members["body"] = declared == nil && xml == nil ? "" : nil
        if let shape = givenShape(declared: declared) { members["value"] = given ?? shape.invented(as: step) }
        return .object(members)
    }

    package func rehearsedOutputFault(_ output: JSON) -> String? {
        let (status, changed) = (output["status"]?.intValue ?? 0, output["changed"] ?? .null)
        guard expect.contains(where: { $0.contains(status) }) else {
            return "status: it succeeds with \(expect.map(\.text).joined(separator: ", ")), found \(status); --fail lets it fail"
        }
        return changed == .bool(!method.isSafe) ? nil : "changed: is \(!method.isSafe) for \(method.rawValue), found \(changed.canonical)"
    }

    package func rehearsedChange(_ output: JSON) -> Bool? { output["changed"]?.boolValue }

    package func rehearsedFailure(status: Int) -> AttemptResult.Failure {
        let mayChange = [408, 425, 429].contains(status) || !(400...499).contains(status)
        return AttemptResult.Failure(mayChange ? .answer : .refused, "\(method.rawValue) was answered \(status)")
    }

    package var rehearsedStatus: Int { 500 }

    package func rehearsedStatusFault(_ status: Int) -> String? {
        guard (100...599).contains(status) else { return "fails with a status of HTTP from 100 to 599, found \(status)" }
        return expect.contains { $0.contains(status) } ? "expects the status \(status): it does not fail with it" : nil
    }

    package func rehearsedTimeOut(seconds: Double) -> AttemptResult.Outcome {
        method.isSafe ? .timedOut : .lost("\(method.rawValue): no whole answer in time. Whether it took effect is not known")
    }

    package func rehearsedSilence(of peer: String) -> AttemptResult.Outcome? {
        .failed(AttemptResult.Failure(.unreachable, "nothing was sent: \(peer) cannot be reached"))
    }

    package var canBeProbed: Bool { !method.isSafe }
    package var isRepeatable: Bool { method.isSafe }
    package var longestSeconds: Double? { Limits.httpSeconds }

    package func faults(in plan: Plan) -> [String] {
        var faults: [String] = []
        func bound(_ what: String, _ count: Int, _ most: Int) {
            if count > most { faults.append("it has \(count) \(what); at most \(most) are allowed") }
        }
        bound("headers", headers.count, Limits.httpFields)
        bound("fields in its query", query.count, Limits.httpFields)
        bound("paths to take out of the answer", xml?.paths.count ?? 0, Limits.httpFields)
        if case .form(let fields)? = body { bound("fields in its form", fields.count, Limits.httpFields) }
        if expect.isEmpty || expect.contains(where: { !(100...599).contains($0.first) || !($0.first...599).contains($0.last) }) {
            faults.append("it must expect statuses from 100 to 599, found \(expect.isEmpty ? "none" : expect.map(\.text).joined(separator: ", "))")
        }
        if !(0...Limits.httpRedirects).contains(redirects) {
            faults.append("it may follow 0 to \(Limits.httpRedirects) redirects, found \(redirects)")
        }
        for (what, seconds) in [("connect within", connectSeconds), ("be answered within", responseSeconds)]
        where !(0.001...Limits.waitSeconds).contains(seconds) {
            faults.append("it must \(what) 1 millisecond to a hundred years, found \(seconds) s")
        }
        if !(1...Limits.httpLargestBodyBytes).contains(bodyBytes) {
            faults.append("it may take 1 to \(Limits.httpLargestBodyBytes) bytes of an answer, found \(bodyBytes)")
        }
        return faults
    }

    package var mistakes: [String] {
        var faults: [String] = []
        if let start = url.constantStart, let fault = URLText.fault(ofStart: start, isWhole: url.isConstant) { faults.append(fault) }
        for field in headers {
            if let fault = HTTPSpec.fault(ofHeader: field.name) { faults.append(fault) }
        }
        if body != nil, method == .get || method == .head {
            faults.append("a \(method.rawValue) has no body: values go into its query")
        }
        if (tls?.certificate == nil) != (tls?.key == nil) { faults.append("a certificate of ours goes with its key") }
        if authorization != nil, headers.contains(where: { $0.name.lowercased() == "authorization" }) {
            faults.append("it has an authorization, and a header of that name")
        }
        let files = [("authorities", tls?.authorities), ("certificate", tls?.certificate), ("key", tls?.key), ("file", bodyFile)]
        for (name, file) in files {
            if let start = file?.constantStart, !start.hasPrefix("/") { faults.append("its \(name) must be an absolute path, found '\(start)'") }
        }
        if let start = proxy?.constantStart, !start.hasPrefix("http://"), !start.hasPrefix("https://") {
            faults.append("its proxy must begin with http:// or https://, found '\(start.prefix(80))'")
        }
        return faults
    }

    private var bodyFile: Expression? { if case .file(let path)? = body { path } else { nil } }

    /// RFC 9110 §5.1 and §7.6.1: names are tokens; those that frame a message are not for an author to set.
    private static func fault(ofHeader name: String) -> String? {
        func isTokenByte(_ byte: UInt8) -> Bool {
            (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte) || "!#$%&'*+-.^_`|~".utf8.contains(byte)
        }
        guard !name.isEmpty, name.utf8.allSatisfy(isTokenByte) else { return "\(JSON.string(name).canonical) is not the name of a header" }
        guard !["content-length", "transfer-encoding", "connection", "host"].contains(name.lowercased()) else {
            return "the header \(name) is set by the request itself"
        }
        return nil
    }

    package func summary(_ words: any ExpressionWords) -> String? { "\(method.rawValue) \(words.text(url))" }

    /// What is sent and what is wanted, line by line.
    package func details(in plan: Plan, _ words: any ExpressionWords) -> [String] {
        func fields(_ what: String, _ fields: [Field]) -> [String] { fields.map { "\(what) \($0.name): \(words.text($0.value))" } }
        var lines = fields("header", headers) + fields("query", query)
        switch authorization {
        case .bearer(let token)?: lines.append("authorization bearer \(words.text(token))")
        case .basic(let user, let password)?: lines.append("authorization basic \(words.text(user)) \(words.text(password))")
        case nil: break
        }
        switch body {
        case .json(let value)?: lines.append("json \(words.text(value))")
        case .form(let form)?: lines += fields("form", form)
        case .text(let text)?: lines.append("text \(words.text(text))")
        case .file(let path)?: lines.append("file \(words.text(path))")
        case nil: break
        }
        if expect != [StatusRange.success] { lines.append("expects \(expect.map(\.text).joined(separator: ", "))") }
        lines += (xml?.paths ?? [:]).sorted { $0.key < $1.key }.map { "xml \($0.key): \($0.value)" }
        if redirects > 0 { lines.append("follows \(redirects) redirects") }
        if let proxy { lines.append("by proxy \(words.text(proxy))") }
        let flat = lines.map { $0.replacing("\n", with: "␊") }
        guard flat.count > Limits.commandLinesShown else { return flat }
        return flat.prefix(Limits.commandLinesShown) + ["… \(flat.count - Limits.commandLinesShown) more lines"]
    }
}
