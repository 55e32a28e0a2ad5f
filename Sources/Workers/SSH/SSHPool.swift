package import FlowModel
import FlowThreads
import Glibc

/// The SSH connections of a process: every session with every host, on one thread.
///
/// ```swift
/// let pool = try SSHPool()
/// let channel = try await pool.transport(to: host).open("cat")
/// …
/// await pool.shutDown()
/// ```
/// Sessions stay after their command and are shared by the next ones. A pool that is let go of shuts down by itself.
package final class SSHPool: Sendable {
    let mailbox: Mailbox
    let limits: SSHLimits
    private let ended = Reply<Void>()

    /// Starts its thread. Throws `TransportError` when the process has no thread or descriptor left.
    package init(limits: SSHLimits = SSHLimits()) throws {
        let mailbox = try Mailbox()
        let epoll = try SSHReactor.makeEpoll(mailbox)
        let ended = ended
        let threads = HelperThreads(limits)
        let started = OwnThread.start {
            SSHReactor(limits: limits, mailbox: mailbox, threads: threads, epoll: epoll).run()
            ended.settle(.success(()))
        }
        guard started else {
            close(epoll)
            throw TransportError(.resolve, "cannot start the SSH thread: the system has none left")
        }
        self.mailbox = mailbox
        self.limits = limits
    }

    deinit { stop() }

    /// A way to one host. Cheap: it holds no connection of its own.
    package func transport(to host: Host) -> SSHTransport { SSHTransport(host: host, pool: self) }

    /// Closes every session; commands that run lose their connection, those that wait are refused. Returns when the thread has
    /// ended.
    package func shutDown() async {
        stop()
        // Only shutting down settles it, and it never fails.
        try? await ended.value(onCancel: {})
    }

    private func stop() {
        // One that has ended needs no second end.
        _ = mailbox.send { reactor in reactor.stop() }
    }
}
