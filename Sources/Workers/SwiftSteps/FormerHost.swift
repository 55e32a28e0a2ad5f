import CFlowShims
import Glibc

/// A flow host that another engine started: it goes on with its steps, and can be waited for and killed, not asked.
final class FormerHost: Sendable {
    private let pid: pid_t
    private let pidfd: CInt

    /// Blocks for a moment. nil when the process has ended.
    init?(_ started: StepRecords.Started) throws {
        guard try SmallFile.line("/proc/sys/kernel/random/boot_id") == started.bootID else { return nil }
        pidfd = flow_confine_pidfd(started.pid)
        pid = started.pid
        guard pidfd >= 0 else { return nil }
        // Asked after it was opened, the number is that of the process behind it.
        guard StepRecords.birth(of: started.pid) == started.birth else { return nil }
    }

    deinit { if pidfd >= 0 { close(pidfd) } }

    var hasEnded: Bool {
        var event = pollfd(fd: pidfd, events: Int16(POLLIN), revents: 0)
        return poll(&event, 1, 0) == 1
    }

    /// With what it started in its session.
    func kill() {
        guard !hasEnded else { return }
        Glibc.kill(-pid, SIGKILL)
        _ = flow_spawn_signal(pidfd, SIGKILL)
    }
}
