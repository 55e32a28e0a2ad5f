internal import Glibc

/// A thread outside of Swift's pool, for calls that block.
enum OwnThread {
    private final class Start {
        let body: @Sendable () -> Void
        init(_ body: @escaping @Sendable () -> Void) { self.body = body }
    }

    /// Runs `body` on a new thread that nobody waits for.
    static func start(_ body: @escaping @Sendable () -> Void) {
        var thread = pthread_t()
        let start = Unmanaged.passRetained(Start(body))
        let status = pthread_create(
            &thread, nil,
            { argument in
                if let argument { Unmanaged<Start>.fromOpaque(argument).takeRetainedValue().body() }
                return nil
            }, start.toOpaque())
        guard status == 0 else { preconditionFailure("no thread could be started: error \(status)") }
        pthread_detach(thread)
    }

    /// Runs `body`, which may block, on a thread of its own and waits for it.
    static func call<Value: Sendable>(_ body: @escaping @Sendable () -> Value) async -> Value {
        await withCheckedContinuation { continuation in start { continuation.resume(returning: body()) } }
    }

    /// Blocks the thread that it is called on.
    static func sleep(milliseconds: UInt32) { usleep(milliseconds * 1_000) }
}
