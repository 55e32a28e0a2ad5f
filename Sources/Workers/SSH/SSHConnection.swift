import CLibSSH
import Glibc

/// One session with a host: dialled, verified, authenticated, then shared by commands until it is idle for long or lost.
final class SSHConnection: SocketOwner, Timed {
    private enum Phase {
        case dialling(SSHDial?)
        case authenticating(VerifiedSession, Socket, Identity)
        /// The session is lent to a helper thread that talks to the agent.
        case lent(AgentLoan)
        case ready(ReadySession, Socket)
        case closed
    }

    private enum Identity {
        case awaited
        case loaded(IdentityKey)
    }

    let host: SSHHost
    var armedFor: Tick?
    private let reactor: SSHReactor
    private var phase = Phase.dialling(nil)
    private var phaseDeadline = Tick(nanoseconds: .max)
    private var totalDeadline = Tick(nanoseconds: .max)
    private var commands: [SSHCommand] = []
    private var capacity: Int
    private var hasServed = false
    private var pausedUntil = Tick(nanoseconds: 0)
    private var heardAt = Tick(nanoseconds: 0)
    private var bytesHeard: UInt64 = 0
    private var askedAt: Tick?
    private var idleSince: Tick?
    private var bytesWhenIdle: UInt64 = 0

    init(host: SSHHost, reactor: SSHReactor) {
        self.host = host
        self.reactor = reactor
        capacity = reactor.limits.channelsPerSession
    }

    private var limits: SSHLimits { reactor.limits }
    private var endpoint: Endpoint { host.endpoint }

    /// Whether it is on its way to be ready.
    var isComing: Bool {
        switch phase {
        case .dialling, .authenticating, .lent: true
        case .ready, .closed: false
        }
    }

    var hasRoom: Bool {
        guard case .ready = phase else { return false }
        return commands.count < capacity && reactor.now >= pausedUntil
    }

    // MARK: Coming about

    func start() {
        let offered = HostKey.algorithms(for: endpoint.hostKeys)
        // Without a usable key in the inventory the server is asked for any: the refusal then names the one to accept.
        let algorithms = offered.isEmpty ? HostKey.supported.map(\.algorithms).joined(separator: ",") : offered
        let dial = reactor.dial(endpoint, algorithms: algorithms) { [weak self] in self?.dialled($0) }
        phase = .dialling(dial)
        guard let path = endpoint.identityFile else { return }
        // Read ahead while the handshake goes on; the answer is asked for again when it is needed.
        reactor.identities.load(path, now: reactor.now) { _ in }
    }

    private func dialled(_ result: Result<Dialled, TransportError>) {
        do {
            let dialled = try result.get()
            totalDeadline = dialled.deadline
            let verified = try verify(dialled)
            dialled.socket.owner = self
            if let path = endpoint.identityFile {
                phase = .authenticating(verified, dialled.socket, .awaited)
                begin(phase: limits.authenticate)
                reactor.identities.load(path, now: reactor.now) { [weak self] in self?.identityArrived($0) }
            } else {
                try lend(verified, dialled.socket)
                begin(phase: limits.authenticate)
            }
        } catch let error as TransportError {
            fail(error)
        } catch {
            fail(TransportError(.authenticate, "\(endpoint): \(error)"))
        }
    }

    private func verify(_ dialled: Dialled) throws -> VerifiedSession {
        do {
            return try dialled.session.verified(against: endpoint)
        } catch {
            reactor.forget(dialled.socket, isOpen: dialled.session.isOpen)
            throw error
        }
    }

    private func identityArrived(_ result: Result<IdentityKey, IdentityFile.Refusal>) {
        guard case .authenticating(let verified, let socket, .awaited) = phase else { return }
        switch result {
        case .success(let key):
            phase = .authenticating(verified, socket, .loaded(key))
            authenticate(verified, socket, key)
        case .failure(let refusal):
            // Where it says what to type there is nothing to add.
            let isPlain = !refusal.message.contains("Type:") && !refusal.message.contains("ssh-agent")
            let next = " Another one: flowctl inventory add \(endpoint.name) \(endpoint.address) --port \(endpoint.port) --identity-file FILE"
            fail(.authenticate, "the identity file \(refusal.message)." + (isPlain ? next : ""), isTransient: false)
        }
    }

    private func authenticate(_ verified: VerifiedSession, _ socket: Socket, _ key: IdentityKey) {
        let answer = verified.authenticate(with: key.key)
        switch answer {
        case .done(let ready): becameReady(ready, socket)
        case .again: reactor.watch(socket, output: verified.wantsOutput)
        case .refused(let why):
            let print = HostKey.fingerprint(of: key.key) ?? "?"
            let file = endpoint.identityFile ?? ""
            fail(.authenticate, "it refused user '\(endpoint.user)' with key \(print) ('\(file)'); \(why).", isTransient: false)
        case .failed(let message): fail(.authenticate, message)
        }
    }

    private func becameReady(_ ready: ReadySession, _ socket: Socket) {
        phase = .ready(ready, socket)
        phaseDeadline = Tick(nanoseconds: .max)
        heardAt = reactor.now
        host.drain()
        settle()
    }

    // MARK: The agent

    /// Lends the session to a thread that talks with the agent, since libssh waits for the agent's answers.
    private func lend(_ verified: VerifiedSession, _ socket: Socket) throws {
        reactor.forget(socket, isOpen: true)
        let loan: AgentLoan
        do throws(AgentLoan.Refusal) {
            loan = try AgentLoan(verified, socketDescriptor: socket.descriptor)
        } catch {
            throw TransportError(
                .authenticate, "\(endpoint): it has no identityFile in the inventory, and \(error.message).", isTransient: false
            )
        }
        phase = .lent(loan)
        loan.run(on: reactor.threads.agent, mailbox: reactor.mailbox, id: reactor.lent(self))
    }

    /// The helper is done with the session.
    func loanReturned() {
        guard case .lent(let loan) = phase else { return }
        switch loan.answer {
        case .done(let ready)?:
            guard let socket = reactor.watch(ready.descriptor, output: ready.wantsOutput, owner: self) else {
                return fail(.authenticate, "the kernel watches no more sockets: \(SystemError.text(errno))")
            }
            becameReady(ready, socket)
        case .refused(let why)?: fail(.authenticate, "it refused user '\(endpoint.user)': \(why).", isTransient: false)
        case .failed(let message)?: fail(.authenticate, message)
        case .again?, nil: fail(.authenticate, "the agent gave no answer")
        }
    }

    // MARK: Commands

    func run(_ request: OpenRequest) {
        guard case .ready(let ready, _) = phase else { return host.takeBack(request) }
        if idleSince != nil {
            idleSince = nil
            reactor.noLongerIdle(self)
        }
        // The first command is part of the connection's coming about; later ones find it there.
        let deadline = hasServed ? reactor.now + limits.total : totalDeadline
        guard let command = SSHCommand(request, on: ready, connection: self, reactor: reactor, deadline: deadline) else {
            host.takeBack(request)
            return lost("libssh has no memory for a channel")
        }
        commands.append(command)
        drive()
    }

    /// A command runs: the session is known to be good.
    func started() { hasServed = true }

    /// The server did not answer the wish for a channel. On a session that had been good the connection may have died unnoticed;
    /// its command then gets another.
    func stalled(_ command: SSHCommand) {
        guard commands.count == 1 else {
            // The others may be well; but nothing new begins here.
            capacity = 0
            commands.removeAll { $0 === command }
            return command.lost("\(endpoint): it did not open a channel within \(limits.channel)", mayRetry: hasServed)
        }
        lost("it did not open a channel within \(limits.channel)")
    }

    /// The host refused a channel: it allows fewer than were tried, or has not yet freed those that just ended.
    func refused(_ command: SSHCommand, _ why: String) {
        commands.removeAll { $0 === command }
        let request = command.request
        if commands.isEmpty {
            // Only here it says something about the host: a session that is full refuses whoever comes.
            request.refusals += 1
            guard request.refusals <= 5 else {
                reactor.atEndOfTurn { self.host.drain() }
                return host.answer(request, .failure(TransportError(.channel, "\(endpoint): it refused a channel: \(why)")))
            }
            pausedUntil = reactor.now + .milliseconds(50 << min(request.refusals, 6))
            reactor.arm(self, at: pausedUntil)
        } else {
            capacity = commands.count
        }
        host.takeBack(request)
    }

    /// A command is over; its channel is closed.
    func ended(_ command: SSHCommand) {
        commands.removeAll { $0 === command }
        reactor.atEndOfTurn { self.host.drain() }
    }

    func withdraw(_ order: OpenOrder) {
        guard let command = commands.first(where: { $0.request.order.reply === order.reply }) else { return }
        commands.removeAll { $0 === command }
        command.withdraw()
        drive()
    }

    /// Does something on behalf of a running command, then sees to what it left to write.
    func act(_ work: () -> Void) {
        guard case .ready = phase else { return }
        work()
        drive()
    }

    /// Lets every command go on, and writes what they leave to write while the socket takes it.
    private func drive() {
        for round in 0..<8 {
            guard case .ready(let ready, _) = phase else { return }
            let heard = ready.receivedBytes
            for command in commands { command.advance() }
            guard case .ready = phase else { return }
            if round < 4, ready.wantsOutput { ready.pump() }
            // libssh reads for all in whatever is asked of it for one: what came meanwhile may be the end of a command that had its turn
            // already, and no event will tell of it again.
            guard ready.receivedBytes != heard || round < 4 && ready.wantsOutput else { return settle() }
        }
        settle()
        if case .ready = phase { reactor.arm(self, at: reactor.now + .milliseconds(1)) }
    }

    // MARK: Events

    func socketIsReady() {
        switch phase {
        case .authenticating(let verified, let socket, .loaded(let key)): authenticate(verified, socket, key)
        case .ready(let ready, _):
            ready.pump()
            drive()
        // Before the key is read nothing is due from the server but the end, which authentication then meets. Until then it would be
        // told of again and again.
        case .authenticating(_, let socket, .awaited): reactor.rest(socket)
        case .dialling, .lent, .closed: break
        }
    }

    /// After anything was done with the session: notices its end, and waits for what has to be waited for.
    private func settle() {
        guard case .ready(let ready, let socket) = phase else { return }
        if !ready.isAlive { return lost(ready.failure) }
        noteLife(ready)
        if commands.isEmpty {
            let idleFor = idleSince ?? reactor.now
            if idleSince == nil {
                bytesWhenIdle = ready.receivedBytes
                idleSince = idleFor
                reactor.becameIdle(self)
                guard case .ready = phase else { return }
            }
            if ready.receivedBytes - bytesWhenIdle > UInt64(limits.handshakeBytes) {
                return lost("it sent \(ready.receivedBytes - bytesWhenIdle) bytes that belong to no command")
            }
        }
        reactor.watch(socket, output: ready.wantsOutput)
        rearm()
    }

    /// Anything that came in is a sign of life, whichever call of libssh's read it.
    private func noteLife(_ ready: ReadySession) {
        guard ready.receivedBytes != bytesHeard else { return }
        bytesHeard = ready.receivedBytes
        heardAt = reactor.now
        askedAt = nil
    }

    func tick(_ now: Tick) {
        switch phase {
        case .closed: return
        case .dialling: break
        case .authenticating, .lent:
            if now >= phaseDeadline { return fail(.authenticate, "it did not answer within \(limits.authenticate)") }
            if now >= totalDeadline { return fail(.authenticate, "the connection did not come about within \(limits.total)") }
        case .ready(let ready, _):
            if let idleSince, now >= idleSince + limits.idle { return close() }
            if let askedAt, now >= askedAt + limits.keepaliveAnswer {
                return lost("it has been silent for \(now.since(heardAt))")
            }
            if askedAt == nil, now >= heardAt + limits.keepalive {
                askedAt = now
                ready.askForLife()
                noteLife(ready)
            }
            for command in commands { command.tick(now) }
            if now >= pausedUntil { host.drain() }
            drive()
        }
        rearm()
    }

    private func begin(phase: Duration) {
        phaseDeadline = reactor.now + phase
        rearm()
    }

    private func rearm() {
        switch phase {
        case .closed, .dialling: return
        case .authenticating, .lent: reactor.arm(self, at: min(phaseDeadline, totalDeadline))
        case .ready:
            var earliest = askedAt.map { $0 + limits.keepaliveAnswer } ?? heardAt + limits.keepalive
            if let idleSince { earliest = min(earliest, idleSince + limits.idle) }
            for command in commands { earliest = min(earliest, command.deadline) }
            if pausedUntil > reactor.now { earliest = min(earliest, pausedUntil) }
            reactor.arm(self, at: earliest)
        }
    }

    // MARK: Ends

    private func fail(_ phase: TransportError.Phase, _ message: String, isTransient: Bool = true) {
        fail(TransportError(phase, "\(endpoint): \(message)", isTransient: isTransient))
    }

    private func fail(_ error: TransportError) {
        release()
        host.failed(self, error)
    }

    /// The session broke: what ran on it has lost its connection, what had not begun gets another.
    func lost(_ why: String) {
        guard case .ready = phase else { return }
        let orphans = commands
        commands = []
        release()
        for command in orphans { command.lost("\(endpoint): the connection was lost: \(why)", mayRetry: hasServed) }
        host.ended(self)
    }

    /// Ends it; for idle sessions.
    func close() {
        guard case .ready(let ready, _) = phase else { return }
        release()
        ready.close()
        host.ended(self)
    }

    func shutDown(_ error: TransportError) {
        let orphans = commands
        commands = []
        var ready: ReadySession?
        if case .ready(let session, _) = phase { ready = session }
        release()
        for command in orphans { command.lost(error.message, mayRetry: false) }
        ready?.close()
    }

    private func release() {
        switch phase {
        case .dialling(let dial): dial?.abandon()
        // The socket itself goes with its session, if libssh has not closed it.
        case .authenticating(let verified, let socket, _): reactor.forget(socket, isOpen: verified.isOpen)
        case .ready(let ready, let socket): reactor.forget(socket, isOpen: ready.isOpen)
        case .lent(let loan): loan.recall()
        case .closed: return
        }
        phase = .closed
        if idleSince != nil { reactor.noLongerIdle(self) }
        idleSince = nil
    }
}
