import CFlowShims
import FlowThreads
import Glibc
import Synchronization

/// A process that we started. Its exit is always taken, whether anybody waits for it or not, on the poll loop: no thread for
/// each child, no zombie.
package final class ChildProcess: Sendable {
    package enum End: Hashable, Sendable, CustomStringConvertible {
        case exited(Int)
        case signalled(Int)

        package var description: String {
            switch self {
            case .exited(let status): "it exited with status \(status)"
            case .signalled(let number): "it was ended by signal \(number)"
            }
        }
    }

    private struct State {
        /// -1 once its exit was taken.
        var pidfd: CInt
        var watch: PollLoop.Watch?
        var end: End?
        var onEnd: [@Sendable (End) -> Void] = []
    }

    package let pid: Int32
    private let extent: Launch.Extent
    private let state: Mutex<State>

    private init(pid: pid_t, pidfd: CInt, extent: Launch.Extent) {
        self.pid = pid
        self.extent = extent
        state = Mutex(State(pidfd: pidfd))
    }

    /// Starts it, on a thread that may block.
    package static func start(_ launch: Launch) async throws -> ChildProcess {
        try await BlockingThreads.spawning.call {
            let (pid, pidfd) = try launch.start()
            let child = ChildProcess(pid: pid, pidfd: pidfd, extent: launch.extent)
            do {
                try child.watchEnd(pidfd)
            } catch {
                child.killNow()
                throw error
            }
            return child
        }
    }

    private func watchEnd(_ pidfd: CInt) throws {
        // The loop holds on to this child until its exit is taken.
        let watch = try PollLoop.shared.watch(pidfd) { self.takeEnd() }
        state.withLock { $0.watch = watch }
        PollLoop.shared.arm(watch, for: .readable)
    }

    private func takeEnd() {
        let ended = state.withLock { state -> (End, [@Sendable (End) -> Void])? in
            guard state.end == nil, let watch = state.watch else { return nil }
            var (status, isSignal): (CInt, CInt) = (0, 0)
            guard flow_spawn_reap(state.pidfd, &status, &isSignal) != 0 else {
                PollLoop.shared.arm(watch, for: .readable)
                return nil
            }
            let end = isSignal != 0 ? End.signalled(Int(status)) : .exited(Int(status))
            state.end = end
            PollLoop.shared.remove(watch)
            close(state.pidfd)
            state.pidfd = -1
            defer { state.onEnd = [] }
            return (end, state.onEnd)
        }
        if let (end, waiting) = ended { for action in waiting { action(end) } }
    }

    /// Without the loop, for one that cannot be watched.
    private func killNow() {
        state.withLock { state in
            endNow(state.pidfd)
            while waitpid(pid, nil, 0) < 0, errno == EINTR {}
            close(state.pidfd)
            state.pidfd = -1
        }
    }

    /// How it ended, if it has.
    package var endIfKnown: End? { state.withLock { $0.end } }

    /// Calls `action` on the poll loop when it has ended; at once if it has already.
    package func whenEnded(_ action: @escaping @Sendable (End) -> Void) {
        let end = state.withLock { state in
            if state.end == nil { state.onEnd.append(action) }
            return state.end
        }
        if let end { action(end) }
    }

    /// Waits for its end. Not cut short by cancellation: a child that must end is signalled.
    package func end() async -> End {
        await withCheckedContinuation { continuation in whenEnded { continuation.resume(returning: $0) } }
    }

    /// Kills it, as far as its `Launch.Extent` goes. Nothing happens when it has ended: its number may be another's by then.
    package func kill() {
        state.withLock { state in
            if state.pidfd >= 0, state.end == nil { endNow(state.pidfd) }
        }
    }

    private func endNow(_ pidfd: CInt) { _ = extent == .alone ? flow_spawn_signal(pidfd, SIGKILL) : flow_spawn_end(pidfd) }
}
