import Glibc

/// Threads outside Swift's cooperative pool, for what waits. The one place where rooms start them; the engine's writer and the flow's own program, which
/// depend on nothing, have theirs.
package enum OwnThread {
    private final class Body: Sendable {
        let run: @Sendable () -> Void
        init(_ run: @escaping @Sendable () -> Void) { self.run = run }
    }

    /// What a thread does to itself. Blocked, they would end the process without a word of what it was doing.
    private static let faults = [SIGILL, SIGTRAP, SIGABRT, SIGBUS, SIGFPE, SIGSEGV, SIGSYS]

    /// Starts a thread. False when the system has none left. No other signal is handled on it, nor on those that libraries start from there: OpenSSL
    /// and libssh write without MSG_NOSIGNAL, and a broken connection must not end the process. Programs that are started from it begin with none blocked.
    package static func start(_ run: @escaping @Sendable () -> Void) -> Bool {
        let body = Unmanaged.passRetained(Body(run))
        var thread = pthread_t()
        let code = pthread_create(
            &thread, nil,
            { argument in
                guard let argument else { return nil }
                OwnThread.blockSignals()
                Unmanaged<Body>.fromOpaque(argument).takeRetainedValue().run()
                return nil
            }, body.toOpaque())
        guard code == 0 else {
            body.release()
            return false
        }
        pthread_detach(thread)
        return true
    }

    /// Runs `body` on a thread of its own and waits for it. Where the system has none left, on the caller's: to block that is better than not to do it.
    package static func call<Value: Sendable>(_ body: @escaping @Sendable () -> Value) async -> Value {
        await withCheckedContinuation { continuation in
            let run: @Sendable () -> Void = { continuation.resume(returning: body()) }
            if !start(run) { run() }
        }
    }

    private static func blockSignals() {
        var signals = sigset_t()
        sigfillset(&signals)
        for fault in faults { sigdelset(&signals, fault) }
        pthread_sigmask(SIG_SETMASK, &signals, nil)
    }
}
