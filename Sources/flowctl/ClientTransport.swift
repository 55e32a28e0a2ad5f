import FlowCommand
import FlowHTTP

/// HTTP over TCP and unix sockets.
final class ClientTransport: HTTPTransport {
    private static let connectSeconds = 10.0
    /// Seconds without a byte after which a stream counts as lost: the server sends a comment every 15.
    private static let silenceSeconds = 60.0

    private let client = HTTP.Client()

    func close() async { await client.close() }

    func send(_ call: HTTPCall, receive: (HTTPHead, [UInt8]) async throws -> Void) async throws -> HTTPHead {
        let stream = try await told { try await client.open(ClientTransport.request(call)) }
        let head = HTTPHead(
            status: stream.status,
            headers: Dictionary(stream.headers.fields.map { ($0.name.lowercased(), $0.value) }, uniquingKeysWith: { $0 + ", " + $1 }))
        // That a stream is open counts, also when nothing comes on it.
        if call.deadlineSeconds == nil { try await receive(head, []) }
        var pieces = stream.makeAsyncIterator()
        while let piece = try await told({ try await pieces.next() }) { try await receive(head, piece) }
        return head
    }

    /// Says what the connection failed with as the commands know it.
    private func told<Value>(_ work: () async throws -> Value) async throws -> Value {
        do {
            return try await work()
        } catch let failure as HTTP.Failure {
            throw ClientTransport.failure(failure)
        }
    }

    private static func request(_ call: HTTPCall) -> HTTP.Request {
        let times =
            if let seconds = call.deadlineSeconds {
                HTTP.TimeLimits(connect: connectSeconds, head: nil, silence: nil, whole: seconds)
            } else {
                HTTP.TimeLimits(connect: connectSeconds, head: silenceSeconds, silence: silenceSeconds, whole: nil)
            }
        // Who receives it knows how much it takes.
        var request = HTTP.Request(call.method, "http://localhost" + call.path, times: times, sizes: HTTP.SizeLimits(bodyBytes: nil))
        switch call.server {
        case .socket(let path): request.socket = path
        case .url(let url): request.url = url + call.path
        }
        for (name, value) in call.headers { request.headers.add(name, value) }
        switch call.body {
        case .none: break
        case .bytes(let bytes): request.body = .bytes(bytes)
        case .file(let path): request.body = .file(path)
        }
        request.tls.authorities = call.ca.map { .file($0) }
        // The rule of who calls: what it would not send again, libcurl must not either.
        request.mayBeRepeated = ["GET", "HEAD", "PUT"].contains(call.method) || call.headers.keys.contains { $0.lowercased() == "idempotency-key" }
        return request
    }

    private static func failure(_ failure: HTTP.Failure) -> TransportFailure {
        switch failure {
        case .refused: TransportFailure(.nobody, failure.description)
        case .denied: TransportFailure(.denied, failure.description)
        case .timedOut: TransportFailure(.timedOut, failure.description)
        case .connectionLost, .closed: TransportFailure(.lost, failure.description)
        // In what way is for people who look at the bytes.
        case .notHTTP: TransportFailure(.other, "what came from there is not HTTP")
        case .tls(.notTrusted): TransportFailure(.other, "\(failure); --ca FILE names who signed it")
        case .tls(.notTLS): TransportFailure(.other, "\(failure); without TLS its URL begins with http://")
        case .nameNotFound, .busy, .unreachable, .tls, .tooLarge, .forbiddenAddress, .redirect, .behindRedirect, .proxy, .invalid, .overloaded,
            .other:
            TransportFailure(.other, failure.description)
        }
    }
}
