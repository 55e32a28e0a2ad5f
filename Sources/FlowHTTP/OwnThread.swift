import Glibc
import Synchronization

/// Threads outside Swift's cooperative pool, for what waits.
enum OwnThread {
    private final class Body: Sendable {
        let run: @Sendable () -> Void
        init(_ run: @escaping @Sendable () -> Void) { self.run = run }
    }

    /// Starts a thread. False when the system has none left. No signal is handled on it, nor on those that libcurl starts from there: OpenSSL writes
    /// without MSG_NOSIGNAL, and a broken connection must not end the process.
    static func start(_ run: @escaping @Sendable () -> Void) -> Bool {
        let body = Unmanaged.passRetained(Body(run))
        var thread = pthread_t()
        let code = pthread_create(
            &thread, nil,
            { argument in
                guard let argument else { return nil }
                var all = sigset_t()
                sigfillset(&all)
                pthread_sigmask(SIG_BLOCK, &all, nil)
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
}

/// Reads files, on at most `limit` threads, which live as long as there is something to read: a disk that hangs holds up no other transfer than those
/// that send from it.
final class FileThreads: Sendable {
    private static let limit = 4

    private struct State {
        var jobs: [@Sendable () -> Void] = []
        var threads = 0
    }

    private let state = Mutex(State())

    func run(_ job: @escaping @Sendable () -> Void) {
        let isNew = state.withLock { state in
            state.jobs.append(job)
            guard state.threads < Self.limit else { return false }
            state.threads += 1
            return true
        }
        guard isNew, !OwnThread.start({ self.work() }) else { return }
        // The system has no thread left. The job stays for one that runs; where none does, this one does it: to block a caller is
        // better than to leave it waiting for ever.
        let isAlone = state.withLock { state in
            guard state.threads > 1 else { return true }
            state.threads -= 1
            return false
        }
        if isAlone { work() }
    }

    private func work() {
        while let job = next() { job() }
    }

    private func next() -> (@Sendable () -> Void)? {
        state.withLock { state in
            guard state.jobs.isEmpty else { return state.jobs.removeFirst() }
            state.threads -= 1
            return nil
        }
    }
}
