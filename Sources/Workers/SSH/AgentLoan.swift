import FlowThreads
import Glibc

/// A session lent to a helper thread while the ssh-agent is asked, since libssh waits for the agent's answers.
///
/// `@unchecked Sendable`: the session belongs to the helper from `run` until it sends the loan back through the mailbox, and to the
/// loop before and after; in between the loop touches the two control descriptors only, which are its own duplicates.
final class AgentLoan: @unchecked Sendable {
    struct Refusal: Error {
        var message: String
    }

    private let session: VerifiedSession
    private let path: String
    private let agent: Int32
    private let control: [Int32]
    /// What came of it; nil until it is back.
    private(set) var answer: VerifiedSession.Authentication?

    /// Finds the agent by `SSH_AUTH_SOCK`.
    init(_ session: VerifiedSession, socketDescriptor: Int32) throws(Refusal) {
        guard let found = getenv("SSH_AUTH_SOCK"), found.pointee != 0 else {
            throw Refusal(message: "SSH_AUTH_SOCK names no agent")
        }
        path = String(cString: found)
        self.session = session
        agent = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        let duplicates = [agent, socketDescriptor].map { fcntl($0, F_DUPFD_CLOEXEC, 0) }
        control = duplicates.filter { $0 >= 0 }
        guard agent >= 0, control.count == 2 else {
            let message = SystemError.text(errno)
            // All is set, so that deinit follows and closes the duplicates.
            if agent >= 0 { close(agent) }
            throw Refusal(message: "no descriptor is left: \(message)")
        }
    }

    deinit { for descriptor in control { close(descriptor) } }

    /// Asks the agent on a thread of its own and sends the loan back.
    func run(on threads: BlockingThreads, mailbox: Mailbox, id: UInt64) {
        threads.run {
            self.answer = self.ask()
            // A loop that has ended drops the session with the loan.
            _ = mailbox.send { reactor in reactor.returned(id) }
        }
    }

    /// Makes the helper come back soon: what it waits for is shut down.
    func recall() { for descriptor in control { shutdown(descriptor, Int32(SHUT_RDWR)) } }

    private func ask() -> VerifiedSession.Authentication {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let room = MemoryLayout.size(ofValue: address.sun_path)
        guard path.utf8.count < room else { return unreachable("its path is too long") }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let code = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(agent, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        guard code == 0 else { return unreachable(SystemError.text(errno)) }
        switch session.authenticateByAgent(agent) {
        case .refused(let why): return .refused("no key of the agent at '\(path)' will do; \(why)")
        case let other: return other
        }
    }

    private func unreachable(_ why: String) -> VerifiedSession.Authentication {
        close(agent)
        return .refused("the agent at '\(path)' cannot be reached: \(why)")
    }
}
