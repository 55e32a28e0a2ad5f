import CFlowShims
import FlowThreads
import Glibc
import Synchronization

/// One thread that waits for the pipes and processes of all local work.
///
/// Handlers run on it and must only wake others.
final class PollLoop: Sendable {
    static let shared = PollLoop()

    /// A descriptor that is waited for. Its number is never used again, so that a late event finds nobody.
    struct Watch: Sendable {
        fileprivate let token: UInt64
        fileprivate let descriptor: CInt
    }

    enum Interest { case readable, writable }

    private struct State {
        var handlers: [UInt64: @Sendable () -> Void] = [:]
        var next: UInt64 = 1
    }

    private let epoll: CInt
    private let state = Mutex(State())

    private init() {
        epoll = flow_poll_make()
        precondition(epoll >= 0, "no epoll: \(String(cString: strerror(errno)))")
        // A child that stops reading is an error to handle, never the end of this process. Children get the signal back.
        signal(SIGPIPE, SIG_IGN)
        precondition(OwnThread.start { self.loop() }, "no thread for the poll loop could be started")
    }

    /// Calls `handler` each time that an armed wait is over; it may be called without reason.
    func watch(_ descriptor: CInt, _ handler: @escaping @Sendable () -> Void) throws -> Watch {
        let token = state.withLock { state in
            defer { state.next += 1 }
            state.handlers[state.next] = handler
            return state.next
        }
        let watch = Watch(token: token, descriptor: descriptor)
        let code = flow_poll_change(epoll, descriptor, FLOW_POLL_ADD, token)
        guard code == 0 else {
            state.withLock { $0.handlers[token] = nil }
            throw CallError("a descriptor could not be watched", code)
        }
        return watch
    }

    /// Waits for it once.
    func arm(_ watch: Watch, for interest: Interest) {
        // Fails only for a watch that was removed meanwhile.
        let change = interest == .readable ? FLOW_POLL_ARM_READABLE : FLOW_POLL_ARM_WRITABLE
        _ = flow_poll_change(epoll, watch.descriptor, change, watch.token)
    }

    /// Forgets it. Comes before the descriptor is closed: a child that is just starting may hold a copy, which keeps epoll's entry.
    func remove(_ watch: Watch) {
        _ = flow_poll_change(epoll, watch.descriptor, FLOW_POLL_REMOVE, watch.token)
        state.withLock { $0.handlers[watch.token] = nil }
    }

    private func loop() {
        var tokens = [UInt64](repeating: 0, count: 128)
        while true {
            let count = flow_poll_wait(epoll, &tokens, CInt(tokens.count))
            for token in tokens.prefix(Int(count)) { state.withLock { $0.handlers[token] }?() }
        }
    }
}
