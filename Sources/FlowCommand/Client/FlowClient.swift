package import FlowModel
import FlowWire

/// The HTTP API, typed. Every failure is a `FlowError` that says what to do.
package struct FlowClient: Sendable {
    let address: @Sendable () -> ServerAddress
    let token: String?
    /// The file of the authority that signed the server's certificate; nil: one of those that this machine trusts.
    let ca: String?
    let transport: any HTTPTransport

    package init(address: @escaping @Sendable () -> ServerAddress, token: String?, ca: String? = nil, transport: any HTTPTransport) {
        self.address = address
        self.token = token
        self.ca = ca
        self.transport = transport
    }

    /// Sends a request and returns the JSON of its answer; an answer without a body gives null.
    package func request(
        _ method: String, _ path: String, query: [(String, String?)] = [], body: JSON? = nil,
        headers: [String: String] = [:], deadlineSeconds: Double = CommandLimits.requestSeconds
    ) async throws(FlowError) -> JSON {
        try await exchange(method, path, query: query, body: body, headers: headers, deadlineSeconds: deadlineSeconds).json
    }

    /// The same, with the status of the answer.
    func exchange(
        _ method: String, _ path: String, query: [(String, String?)] = [], body: JSON? = nil,
        headers: [String: String] = [:], deadlineSeconds: Double = CommandLimits.requestSeconds
    ) async throws(FlowError) -> (status: Int, json: JSON) {
        var headers = headers
        if body != nil { headers["content-type"] = "application/json" }
        let call = self.call(
            method, path + FlowClient.queryText(query), headers: headers, body: body.map { .bytes($0.canonicalBytes) } ?? .none,
            deadlineSeconds: deadlineSeconds)
        let (head, bytes) = try await collect(call)
        guard !bytes.isEmpty else { return (head.status, .null) }
        do {
            return (head.status, try JSON.parse(bytes, maxDepth: Limits.planDepth))
        } catch {
            throw Messages.strangeAnswer(from: call.server, status: head.status, "\(error)")
        }
    }

    /// The answer, decoded.
    func fetch<Value: Decodable>(
        _ type: Value.Type, _ method: String, _ path: String, query: [(String, String?)] = [], body: JSON? = nil,
        headers: [String: String] = [:]
    ) async throws(FlowError) -> Value {
        try decode(type, try await request(method, path, query: query, body: body, headers: headers))
    }

    func decode<Value: Decodable>(_ type: Value.Type, _ json: JSON) throws(FlowError) -> Value {
        do {
            return try json.read(as: type)
        } catch {
            throw Messages.strangeAnswer(from: address(), status: 200, "\(error)")
        }
    }

    /// Streams the body of an answer. `receive` sees only good answers; refusals are thrown.
    func stream(
        _ method: String, _ path: String, headers: [String: String] = [:], deadlineSeconds: Double?,
        receive: ([UInt8]) async throws -> Void
    ) async throws -> HTTPHead {
        let call = self.call(method, path, headers: headers, deadlineSeconds: deadlineSeconds)
        var refusal: [UInt8] = []
        let head = try await transport.send(call) { head, bytes in
            if head.status < 300 {
                try await receive(bytes)
            } else if refusal.count < CommandLimits.inputFileBytes {
                refusal += bytes
            }
        }
        guard head.status < 300 else { throw FlowClient.refusal(head, refusal, from: call.server) }
        return head
    }

    /// Stores `body` under its digest unless the server has it.
    func upload(_ digest: Digest, _ body: HTTPCall.Body) async throws(FlowError) {
        let path = "/v1/blobs/\(digest)"
        let probe = call("HEAD", path)
        if try await attempt(probe).0.status == 200 { return }
        let put = call(
            "PUT", path, headers: ["content-type": "application/octet-stream"], body: body,
            deadlineSeconds: CommandLimits.transferSeconds)
        _ = try await collect(put)
    }

    // MARK: - Calls

    func call(
        _ method: String, _ path: String, headers: [String: String] = [:], body: HTTPCall.Body = .none,
        deadlineSeconds: Double? = CommandLimits.requestSeconds
    ) -> HTTPCall {
        var headers = headers
        headers["accept"] = headers["accept"] ?? "application/json"
        headers["user-agent"] = "flowctl"
        if let token { headers["authorization"] = "Bearer \(token)" }
        return HTTPCall(
            server: address(), ca: ca, method: method, path: path, headers: headers, body: body, deadlineSeconds: deadlineSeconds)
    }

    private func collect(_ call: HTTPCall) async throws(FlowError) -> (HTTPHead, [UInt8]) {
        let (head, bytes) = try await attempt(call)
        guard head.status < 300 else { throw FlowClient.refusal(head, bytes, from: call.server) }
        return (head, bytes)
    }

    private func attempt(_ call: HTTPCall) async throws(FlowError) -> (HTTPHead, [UInt8]) {
        do {
            var body: [UInt8] = []
            let head = try await transport.send(call) { _, bytes in
                body += bytes
                guard body.count <= CommandLimits.answerBytes else {
                    throw TransportFailure(.other, "the answer is larger than the \(CommandLimits.answerBytes) bytes that flowctl takes")
                }
            }
            return (head, body)
        } catch {
            throw FlowClient.flowError(error, at: call.server)
        }
    }

    /// What the server said in its refusal, or what can be told from its status.
    private static func refusal(_ head: HTTPHead, _ bytes: [UInt8], from server: ServerAddress) -> FlowError {
        if let json = try? JSON.parse(bytes), let problem = try? json.read(as: Wire.Problem.self) { return problem.error }
        return Messages.refusal(status: head.status, from: server)
    }

    static func flowError(_ error: any Error, at server: ServerAddress) -> FlowError {
        if let error = error as? FlowError { return error }
        if let failure = error as? TransportFailure { return Messages.noAnswer(failure, from: server) }
        if error is CancellationError { return Messages.noAnswer(TransportFailure(.lost, "cancelled"), from: server) }
        return Messages.noAnswer(TransportFailure(.other, "\(error)"), from: server)
    }

    static func queryText(_ query: [(String, String?)]) -> String {
        let pairs = query.compactMap { name, value in value.map { "\(name)=\(percentEncoded($0))" } }
        return pairs.isEmpty ? "" : "?" + pairs.joined(separator: "&")
    }
}

/// The JSON of a wire value for a request's body.
func body(_ value: some Encodable) throws(FlowError) -> JSON {
    do {
        return try JSON(encoding: value)
    } catch {
        throw FlowError(.usage, subject: "request", "The request cannot be written as JSON: \(error).")
    }
}
