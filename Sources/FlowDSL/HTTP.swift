internal import FlowModel

/// What an answer over HTTP hands out.
public struct HTTPResult: Codable, Hashable, Sendable {
    public var status: Int
    /// By their names in small letters: `headers["location"]`.
    public var headers: [String: String]
    /// Its body, where that is text of at most 64 KiB.
    public var body: String?
    /// Whether the request may have changed something: not with `.get`, `.head` and `.options`.
    public var changed: Bool
}

/// What an answer with a declared output hands out.
public struct HTTPOutput<Value: Decodable & Sendable>: Decodable, Sendable {
    public var status: Int
    public var headers: [String: String]
    public var changed: Bool
    /// What its JSON says, or what `xml:` takes out of it.
    public var value: Value
}

public enum HTTPMethod: Sendable {
    case get, head, options, put, delete, post, patch
}

/// What is sent.
public struct HTTPBody: Sendable {
    let body: HTTPSpec.Body

    /// JSON: `.json(["version": "\($version)", "replicas": .value($count), "tags": ["a", "b"]])`.
    public static func json(_ value: JSONValue) -> HTTPBody { HTTPBody(body: .json(value.expression)) }
    /// A form, as a browser sends it, in the order given.
    public static func form(_ fields: KeyValuePairs<String, Text>) -> HTTPBody { HTTPBody(body: .form(fields.map { HTTPSpec.Field($0) })) }
    public static func text(_ text: Text) -> HTTPBody { HTTPBody(body: .text(text.expression)) }
    /// A file on this machine, by its absolute path, or one that a step has fetched: `.file("\(log.file)")`.
    public static func file(_ path: Text) -> HTTPBody { HTTPBody(body: .file(path.expression)) }
}

/// A value in JSON, put together of what is written and of references.
public struct JSONValue: Sendable, ExpressibleByStringInterpolation, ExpressibleByIntegerLiteral, ExpressibleByFloatLiteral,
    ExpressibleByBooleanLiteral, ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral, ExpressibleByNilLiteral
{
    public typealias StringInterpolation = Interpolation<Text>

    let expression: Expression

    init(_ expression: Expression) { self.expression = expression }

    public init(stringLiteral text: String) { self.init(.literal(.string(text))) }
    public init(stringInterpolation: Interpolation<Text>) { self.init(Text(stringInterpolation: stringInterpolation).expression) }
    public init(integerLiteral number: Int) { self.init(.literal(.int(number))) }
    public init(floatLiteral number: Double) { self.init(.literal(.double(number))) }
    public init(booleanLiteral truth: Bool) { self.init(.literal(.bool(truth))) }
    public init(nilLiteral: ()) { self.init(.literal(.null)) }
    public init(arrayLiteral elements: JSONValue...) { self.init(.list(elements.map(\.expression))) }
    /// The last of two members with one name counts.
    public init(dictionaryLiteral members: (String, JSONValue)...) {
        self.init(.object(Dictionary(members.map { ($0.0, $0.1.expression) }) { _, last in last }))
    }

    /// The value of a reference as it is: a number stays a number.
    public static func value<Value>(_ reference: some Reference<Value>) -> JSONValue { JSONValue(reference.reference.expression) }
}

/// Who asks.
public struct HTTPAuthorization: Sendable {
    let authorization: HTTPSpec.Authorization

    /// `Authorization: Bearer …`. The token belongs in a secret parameter.
    public static func bearer(_ token: Text) -> HTTPAuthorization { HTTPAuthorization(authorization: .bearer(token.expression)) }
    public static func basic(_ user: Text, _ password: Text) -> HTTPAuthorization {
        HTTPAuthorization(authorization: .basic(user: user.expression, password: password.expression))
    }
}

/// The statuses that are a success: `200`, `[200, 404]`, `.from(200, to: 299)`.
public struct HTTPStatuses: Sendable, ExpressibleByIntegerLiteral, ExpressibleByArrayLiteral {
    let ranges: [StatusRange]

    public init(integerLiteral status: Int) { ranges = [StatusRange(status, status)] }
    public init(arrayLiteral statuses: Int...) { ranges = statuses.map { StatusRange($0, $0) } }
    private init(_ ranges: [StatusRange]) { self.ranges = ranges }

    public static let success = HTTPStatuses([StatusRange.success])
    public static func from(_ first: Int, to last: Int) -> HTTPStatuses { HTTPStatuses([StatusRange(first, last)]) }
}

/// How a request is made: certificates and keys are files in PEM on this machine, by absolute path.
public struct HTTPOptions: Sendable {
    var identity: HTTPSpec.Identity?
    var proxy: Text?
    var redirects: Int
    var connectTimeout: Duration
    var responseTimeout: Duration
    var maxBytes: Int

    /// - Parameters:
    ///   - ca: who is believed; those that this machine trusts unless given.
    ///   - certificate: our own, with its `key`.
    ///   - proxy: `http://HOST:PORT`.
    ///   - redirects: how many are followed, 0 to 10; to another host without credentials, never from https to http.
    ///   - connectTimeout: until a connection is there, TLS included.
    ///   - responseTimeout: until the response begins, and for each pause in it.
    ///   - maxBytes: of a response, at most 64 MiB.
    public init(
        ca: Text? = nil, certificate: Text? = nil, key: Text? = nil, proxy: Text? = nil, redirects: Int = 0,
        connectTimeout: Duration = .seconds(10), responseTimeout: Duration = .seconds(60), maxBytes: Int = 1 << 20
    ) {
        if ca != nil || certificate != nil || key != nil {
            identity = HTTPSpec.Identity(authorities: ca?.expression, certificate: certificate?.expression, key: key?.expression)
        }
        (self.proxy, self.redirects, self.connectTimeout) = (proxy, redirects, connectTimeout)
        (self.responseTimeout, self.maxBytes) = (responseTimeout, maxBytes)
    }
}

/// A request, as a reference to its answer. Members of a declared `output:` are members of the step.
@dynamicMemberLookup
public struct HTTPStep<Value: Decodable & Sendable, Whole: Decodable & Sendable>: Reference, StepHandle, FlowBody {
    public typealias Output = Whole
    let id: String
    let path: [String]

    public var reference: Ref<Value> { Ref(.output(node: id, path: path)) }
    public var end: BodyEnd { BodyEnd(node: id) }

    /// The whole answer: `response.status`, `response.headers["location"]`, and where no output is declared `response.body`.
    public var response: Ref<Whole> { Ref(.output(node: id, path: [])) }

    /// A stored property of the declared output.
    public subscript<Member: Decodable & Sendable>(dynamicMember keyPath: KeyPath<Value, Member>) -> Ref<Member> {
        reference[dynamicMember: keyPath]
    }

    /// The value, or none when the step was skipped or failed and was ignored.
    public var optional: Ref<Value?> { reference.optional }
}

/// Asks over HTTP, from this machine.
///
/// Values in the URL are encoded by where they stand: one in the path is one part of it, whatever it holds; one at the beginning is a URL of its own.
/// The step succeeds with the statuses that `expect` names. Where for certain nothing was done (no connection, 429, 503 with `Retry-After`), it asks
/// again, four times in all. A request that was sent and not answered is repeated if to ask changes nothing; else its outcome is unknown, unless
/// `retry:` or `effect: .probe` says otherwise. Such requests carry an `Idempotency-Key`, the same for every attempt.
@discardableResult
public func http(
    _ name: String, _ method: HTTPMethod, _ url: Text, headers: KeyValuePairs<String, Text> = [:], query: KeyValuePairs<String, Text> = [:],
    body: HTTPBody? = nil, authorization: HTTPAuthorization? = nil, expect: HTTPStatuses = .success, options: HTTPOptions = HTTPOptions(),
    retry: RetryPolicy? = nil, timeout: Duration? = nil, effect: Effect = .atMostOnce, lock: Lock? = nil, limit: Limit? = nil,
    onFailure: OnFailure = .stop, after: [any StepHandle] = [], file: String = #fileID, line: Int = #line,
    @FlowBuilder undo: (HTTPStep<HTTPResult, HTTPResult>) -> any FlowBody = { _ in Block() }
) -> HTTPStep<HTTPResult, HTTPResult> {
    let spec = HTTPSpec(method, url, headers, query, body, authorization, expect, options)
    let (policy, site) = (Policy(retry, timeout, onFailure, effect, named: name, Site(file, line)).claiming(lock, limit), Site(file, line))
    let id = Recorder.add("http", Recorder.Entry(name: name, kind: .work(Work(spec)), policy: policy, after: after, site: site))
    let step = HTTPStep<HTTPResult, HTTPResult>(id: id, path: [])
    Undoing.record(id, named: name, site) { undo(step) }
    return step
}

/// The same with an answer of a known type: its JSON, or with `xml:` what each of the paths (XPath 1.0) finds, by the names of the type's members. A
/// member that is a list takes all that was found, any other the first.
///
///     http("find", .get, "https://ec2.example/?Action=DescribeInstances", xml: ["ids": "//instanceId"], output: Found.self)
///
/// A name without a prefix is found in every namespace, unless `namespaces:` declares some. What the type does not name is not kept.
@discardableResult
public func http<Output: Decodable & Sendable>(
    _ name: String, _ method: HTTPMethod, _ url: Text, headers: KeyValuePairs<String, Text> = [:], query: KeyValuePairs<String, Text> = [:],
    body: HTTPBody? = nil, authorization: HTTPAuthorization? = nil, expect: HTTPStatuses = .success, xml: [String: String]? = nil,
    namespaces: [String: String] = [:], output: Output.Type, options: HTTPOptions = HTTPOptions(), retry: RetryPolicy? = nil,
    timeout: Duration? = nil,
    effect: Effect = .atMostOnce, lock: Lock? = nil, limit: Limit? = nil, onFailure: OnFailure = .stop, after: [any StepHandle] = [],
    file: String = #fileID, line: Int = #line, @FlowBuilder undo: (HTTPStep<Output, HTTPOutput<Output>>) -> any FlowBody = { _ in Block() }
) -> HTTPStep<Output, HTTPOutput<Output>> {
    let site = Site(file, line)
    var spec = HTTPSpec(method, url, headers, query, body, authorization, expect, options)
    let shape = ShapeProbe.shape(of: Output.self)
    if let xml {
        spec.xml = HTTPSpec.Extraction(paths: xml, namespaces: namespaces.isEmpty ? nil : namespaces)
        checkPaths(xml, shape, step: name, site)
    }
    let policy = Policy(retry, timeout, onFailure, effect, named: name, site).claiming(lock, limit)
    let entry = Recorder.Entry(name: name, kind: .work(Work(spec)), policy: policy, output: shape, after: after, site: site)
    let step = HTTPStep<Output, HTTPOutput<Output>>(id: Recorder.add("http", entry), path: ["value"])
    Undoing.record(step.id, named: name, site) { undo(step) }
    return step
}

/// Each member of the type has its path, and each path a member.
private func checkPaths(_ paths: [String: String], _ shape: TypeShape, step: String, _ site: Site) {
    guard case .object(let fields) = shape else { return }
    let names = Set(fields.map(\.name))
    for name in paths.keys.sorted() where !names.contains(name) {
        let known = names.sorted().joined(separator: ", ")
        Recorder.complain(step, "xml: has a path for '\(name)', which the output has no member of; it has: \(known)", site)
    }
    for field in fields where paths[field.name] == nil {
        if case .optional = field.shape { continue }
        Recorder.complain(step, "xml: has no path for '\(field.name)' of the output", site)
    }
}

extension HTTPSpec.Field {
    fileprivate init(_ field: (key: String, value: Text)) { self.init(name: field.key, value: field.value.expression) }
}

extension HTTPSpec {
    fileprivate init(
        _ method: HTTPMethod, _ url: Text, _ headers: KeyValuePairs<String, Text>, _ query: KeyValuePairs<String, Text>, _ body: HTTPBody?,
        _ authorization: HTTPAuthorization?, _ expect: HTTPStatuses, _ options: HTTPOptions
    ) {
        self.init(
            Method(method), url.expression, headers: headers.map { Field($0) }, query: query.map { Field($0) }, body: body?.body,
            authorization: authorization?.authorization, expect: expect.ranges, redirects: options.redirects, tls: options.identity,
            proxy: options.proxy?.expression, connectSeconds: options.connectTimeout.inSeconds, responseSeconds: options.responseTimeout.inSeconds,
            bodyBytes: options.maxBytes)
    }
}

extension HTTPSpec.Method {
    fileprivate init(_ method: HTTPMethod) {
        self =
            switch method {
            case .get: .get
            case .head: .head
            case .options: .options
            case .put: .put
            case .delete: .delete
            case .post: .post
            case .patch: .patch
            }
    }
}
