import FlowHTTP
import FlowModel
import FoundationEssentials

/// Makes the request of an order.
struct HTTPRequestBuilder {
    private let work: HTTPWork
    private let order: AttemptOrder
    private let egress: EgressRules

    init(_ work: HTTPWork, _ order: AttemptOrder, _ egress: EgressRules) { (self.work, self.order, self.egress) = (work, order, egress) }

    /// - Parameter read: the bytes of a file here, with the reach that a command of the author would have.
    func request(
        _ read: (String) async throws(AttemptResult.Failure) -> [UInt8]
    ) async throws(AttemptResult.Failure) -> HTTP.Request {
        var request = HTTP.Request(work.method.rawValue, try url())
        request.headers = HTTP.Headers(work.headers.map { .init($0.name, $0.value) })
        try await setBody(of: &request, read)
        authorize(&request)
        // RFC draft-ietf-httpapi-idempotency-key-header: the same key for every attempt of a generation.
        if !work.method.isSafe { request.setUnlessGiven("Idempotency-Key", "\"\(order.idempotencyKey)\"") }
        request.setUnlessGiven("User-Agent", "flow")
        if work.output != nil, work.xml == nil { request.setUnlessGiven("Accept", "application/json") }
        if let path = work.authorities { request.tls.authorities = .bytes(try await read(path)) }
        if let path = work.certificate { request.tls.certificate = .bytes(try await read(path)) }
        if let path = work.key { request.tls.key = .bytes(try await read(path)) }
        if let proxy = work.proxy { request.proxy = .url(proxy) }
        request.redirects = work.redirects
        request.decompresses = true
        request.egress = egress
        let whole = order.timeoutSeconds ?? Limits.httpSeconds
        request.times = HTTP.TimeLimits(connect: work.connectSeconds, head: work.responseSeconds, silence: work.responseSeconds, whole: whole)
        request.sizes = HTTP.SizeLimits(bodyBytes: nil)
        request.mayBeRepeated = work.method.isSafe
        return request
    }

    private func url() throws(AttemptResult.Failure) -> String {
        do {
            return try work.url.text(query: work.query.map { ($0.name, $0.value) })
        } catch {
            throw AttemptResult.Failure(.input, "nothing was sent: \(error.message)")
        }
    }

    private func setBody(
        of request: inout HTTP.Request, _ read: (String) async throws(AttemptResult.Failure) -> [UInt8]
    ) async throws(AttemptResult.Failure) {
        switch work.body {
        case nil: break
        case .json(let value)?:
            request.body = .bytes(value.canonicalBytes)
            request.setUnlessGiven("Content-Type", "application/json")
        case .form(let fields)?:
            let text = fields.map { "\(URLText.part($0.name))=\(URLText.part($0.value))" }.joined(separator: "&")
            request.body = .bytes(Array(text.utf8))
            request.setUnlessGiven("Content-Type", "application/x-www-form-urlencoded")
        case .text(let text)?:
            request.body = .bytes(Array(text.utf8))
            request.setUnlessGiven("Content-Type", "text/plain; charset=utf-8")
        case .file(let path)?:
            request.body = .bytes(try await read(path))
            request.setUnlessGiven("Content-Type", "application/octet-stream")
        }
    }

    private func authorize(_ request: inout HTTP.Request) {
        switch work.authorization {
        case nil: break
        case .bearer(let token)?: request.setUnlessGiven("Authorization", "Bearer \(token)")
        case .basic(let user, let password)?:
            request.setUnlessGiven("Authorization", "Basic \(Data("\(user):\(password)".utf8).base64EncodedString())")
        }
    }
}

extension HTTP.Request {
    fileprivate mutating func setUnlessGiven(_ name: String, _ value: String) {
        if headers[name] == nil { headers.add(name, value) }
    }
}
