import FlowModel
import Hummingbird
import NIOCore
import NIOPosix

extension Call {
    /// The body as a value of `type`. Bounded in bytes, time and depth before anything is decoded; unknown fields are refused.
    @inline(never)
    func body<Value: Decodable & Sendable>(_ type: Value.Type) async throws -> Value {
        let json = try await json()
        return try StrictDecoder.decode(type, from: json)
    }

    /// The body as it came, bounded as JSON is.
    func bytes() async throws -> [UInt8] { Array(try await collected().readableBytesView) }

    private func collected() async throws -> ByteBuffer {
        try await withDeadline(seconds: APILimits.bodySeconds, doing: "the request's body arrives") {
            try await collect(upTo: Limits.jsonBodyBytes)
        }
    }

    /// The body as JSON; an empty one is `{}`.
    func json() async throws -> JSON {
        let bytes = try await collected()
        guard bytes.readableBytes > 0 else { return [:] }
        do {
            return try JSON.parse(bytes.readableBytesView)
        } catch {
            throw FlowError(.usage, subject: "body", "Nothing was done: the request's body is not acceptable JSON: \(error).")
        }
    }

    private func collect(upTo limit: Int) async throws -> ByteBuffer {
        func tooLarge() -> FlowError {
            FlowError(
                .tooLarge, subject: "body",
                "Nothing was done: the request's body has more than the \(limit) bytes that are allowed.",
                hint: "Store a large plan with PUT /v1/blobs/{sha256} and name its digest.")
        }
        if let length = request.headers[.contentLength].flatMap({ Int($0) }), length > limit { throw tooLarge() }
        var whole = ByteBuffer()
        for try await part in request.body {
            guard whole.readableBytes + part.readableBytes <= limit else { throw tooLarge() }
            if whole.readableBytes == 0 { whole = part } else { whole.writeImmutableBuffer(part) }
        }
        return whole
    }
}

/// Does `work` for at most `seconds`; then cancels it and says that `what` took too long.
func withDeadline<Value: Sendable>(
    seconds: Double, doing what: String, _ work: @escaping @Sendable () async throws -> Value
) async throws -> Value {
    try await withThrowingTaskGroup(of: Value?.self) { group in
        group.addTask { try await work() }
        group.addTask {
            await rest(seconds: seconds)
            return nil
        }
        defer { group.cancelAll() }
        guard let first = try await group.next(), let value = first else {
            throw FlowError(
                .usage, subject: "connection", "Nothing was done: more than \(Int(seconds)) s passed until \(what).")
        }
        return value
    }
}

/// Waits so long, or until its task is cancelled, and leaves nothing behind: one is begun for every request, and the timer of a cancelled `Task.sleep`
/// stays until its time has come.
private func rest(seconds: Double) async {
    let (end, reach) = AsyncStream.makeStream(of: Never.self)
    let timer = MultiThreadedEventLoopGroup.singleton.next().scheduleTask(in: .milliseconds(Int64(seconds * 1000))) { reach.finish() }
    for await _ in end {}
    timer.cancel()
}
