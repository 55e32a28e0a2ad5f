import CLibSSH
import Glibc
import Synchronization

/// How tasks and helper threads reach the loop: work that it does on its own thread, in order, all that has arrived at once.
final class Mailbox: Sendable {
    typealias Work = @Sendable (SSHReactor) -> Void

    private struct Contents {
        var work: [Work] = []
        var isClosed = false
    }

    private let contents = Mutex(Contents())
    /// Readable while work waits.
    let bell: Int32

    /// Throws `TransportError` when the process has no descriptor left.
    init() throws {
        bell = eventfd(0, Int32(EFD_NONBLOCK | EFD_CLOEXEC))
        guard bell >= 0 else { throw TransportError(.resolve, "cannot start the SSH loop: \(SystemError.text(errno))") }
    }

    deinit { close(bell) }

    /// Hands work over. False when the loop has ended: the work will not be done.
    func send(_ work: @escaping Work) -> Bool {
        contents.withLock { contents in
            guard !contents.isClosed else { return false }
            contents.work.append(work)
            if contents.work.count == 1 { eventfd_write(bell, 1) }
            return true
        }
    }

    /// Takes everything that has arrived.
    func take() -> [Work] {
        var count: eventfd_t = 0
        eventfd_read(bell, &count)
        return contents.withLock { contents in
            defer { contents.work = [] }
            return contents.work
        }
    }

    /// Takes the rest and accepts no more.
    func closeAndTake() -> [Work] {
        contents.withLock { contents in
            contents.isClosed = true
            defer { contents.work = [] }
            return contents.work
        }
    }
}

/// The system's words for `errno`.
enum SystemError {
    static func text(_ code: Int32) -> String {
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: 256) { buffer in
            guard let start = buffer.baseAddress, strerror_r(code, start, buffer.count) == 0 else { return "error \(code)" }
            return String(cString: start)
        }
    }
}
