import CLibSSH
import FlowThreads
import Glibc

/// Threads for what blocks. Each kind has its own: a thousand names that nobody answers for must not keep a key file from being read.
struct HelperThreads: Sendable {
    let lookups: BlockingThreads
    let keyFiles: BlockingThreads
    let agent: BlockingThreads

    init(_ limits: SSHLimits) {
        lookups = BlockingThreads(limit: limits.blockingThreads)
        keyFiles = BlockingThreads(limit: limits.keyFileThreads)
        agent = BlockingThreads(limit: limits.blockingThreads)
    }
}

/// Something that waits for a socket.
protocol SocketOwner: AnyObject {
    func socketIsReady()
}

/// A socket in the loop's epoll set. Its owner may change: who dials hands it to who talks.
final class Socket {
    let id: UInt64
    let descriptor: Int32
    weak var owner: (any SocketOwner)?
    /// What the loop waits for on it; nil while it rests.
    fileprivate var interest: UInt32?

    fileprivate init(id: UInt64, descriptor: Int32, interest: UInt32) {
        self.id = id
        self.descriptor = descriptor
        self.interest = interest
    }
}

/// The inside of the SSH loop: sockets, deadlines, hosts. Lives on one thread and is touched by no other.
///
/// One turn waits for sockets, messages and the next deadline, drives what is ready, and at its end hands the results to the
/// waiting tasks together.
final class SSHReactor {
    let limits: SSHLimits
    let mailbox: Mailbox
    let threads: HelperThreads
    let identities: IdentityStore
    private(set) var now = Tick.now

    private let epoll: Int32
    private var sockets: [UInt64: Socket] = [:]
    private var lastSocketID: UInt64 = 0
    private var timers = Timers()
    private var endOfTurn: [() -> Void] = []
    private var isStopping = false

    private var hosts: [Endpoint: SSHHost] = [:]
    private var dials: [UInt64: SSHDial] = [:]
    private var lastDialID: UInt64 = 0
    private var slotsTaken = 0
    private var waitingForSlot: [SSHDial] = []
    private var commands: [UInt64: SSHCommand] = [:]
    private var lastCommandID: UInt64 = 0
    /// Connections whose session a helper thread has.
    private var loans: [UInt64: SSHConnection] = [:]
    private var lastLoanID: UInt64 = 0
    /// Connections without a command, the one that is idle longest first.
    private var idle: [SSHConnection] = []

    /// Takes over `epoll`, from `makeEpoll`.
    init(limits: SSHLimits, mailbox: Mailbox, threads: HelperThreads, epoll: Int32) {
        self.limits = limits
        self.mailbox = mailbox
        self.threads = threads
        self.epoll = epoll
        identities = IdentityStore(mailbox: mailbox, threads: threads.keyFiles, limits: limits)
    }

    /// An epoll set with the mailbox's bell in it. Throws `TransportError` when the process has no descriptor left.
    static func makeEpoll(_ mailbox: Mailbox) throws -> Int32 {
        let epoll = epoll_create1(Int32(EPOLL_CLOEXEC))
        var bell = epoll_event(events: EPOLLIN.rawValue, data: epoll_data_t(u64: 0))
        guard epoll >= 0, epoll_ctl(epoll, EPOLL_CTL_ADD, mailbox.bell, &bell) == 0 else {
            let message = SystemError.text(errno)
            if epoll >= 0 { close(epoll) }
            throw TransportError(.resolve, "cannot start the SSH loop: \(message)")
        }
        return epoll
    }

    deinit { close(epoll) }

    // MARK: The loop

    func run() {
        var events = [epoll_event](repeating: epoll_event(), count: 256)
        while !isStopping {
            let count = epoll_wait(epoll, &events, Int32(events.count), millisecondsToWait)
            now = Tick.now
            for event in events.prefix(Int(max(0, count))) {
                if event.data.u64 == 0 {
                    for work in mailbox.take() { work(self) }
                } else {
                    // A socket that an earlier event of this turn closed is no longer in the table.
                    sockets[event.data.u64]?.owner?.socketIsReady()
                }
            }
            while let due = timers.due(now) { due.tick(now) }
            finishTurn()
        }
        let closed = TransportError(.connect, "the SSH connections were shut down")
        for work in mailbox.closeAndTake() { work(self) }
        for dial in dials.values { dial.abandon(closed) }
        for host in hosts.values { host.shutDown(closed) }
        finishTurn()
        // They point to each other.
        (hosts, dials, commands, loans, idle, waitingForSlot) = ([:], [:], [:], [:], [], [])
        timers = Timers()
    }

    /// Ends the loop after this turn.
    func stop() { isStopping = true }

    /// Does something once this turn's sockets are served.
    func atEndOfTurn(_ work: @escaping () -> Void) { endOfTurn.append(work) }

    func arm(_ owner: any Timed, at tick: Tick) { timers.arm(owner, at: tick) }

    private func finishTurn() {
        while !endOfTurn.isEmpty {
            let work = endOfTurn
            endOfTurn = []
            for step in work { step() }
        }
    }

    private var millisecondsToWait: Int32 {
        guard let earliest = timers.earliest else { return -1 }
        let now = Tick.now
        guard now < earliest else { return 0 }
        return Int32(min(60_000, (earliest.nanoseconds - now.nanoseconds) / 1_000_000 + 1))
    }

    // MARK: Sockets

    /// Watches a socket; nil when the kernel refuses.
    func watch(_ descriptor: Int32, output: Bool, owner: any SocketOwner) -> Socket? {
        lastSocketID += 1
        let interest = EPOLLIN.rawValue | (output ? EPOLLOUT.rawValue : 0)
        let socket = Socket(id: lastSocketID, descriptor: descriptor, interest: interest)
        var event = epoll_event(events: interest, data: epoll_data_t(u64: socket.id))
        guard epoll_ctl(epoll, EPOLL_CTL_ADD, descriptor, &event) == 0 else { return nil }
        socket.owner = owner
        sockets[socket.id] = socket
        return socket
    }

    /// Watches for room to write only while something waits for it.
    func watch(_ socket: Socket, output: Bool) {
        let interest = EPOLLIN.rawValue | (output ? EPOLLOUT.rawValue : 0)
        guard interest != socket.interest else { return }
        var event = epoll_event(events: interest, data: epoll_data_t(u64: socket.id))
        _ = epoll_ctl(epoll, socket.interest == nil ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, socket.descriptor, &event)
        socket.interest = interest
    }

    /// Waits for nothing on it, not even its end, until it is watched again.
    func rest(_ socket: Socket) {
        guard socket.interest != nil else { return }
        socket.interest = nil
        _ = epoll_ctl(epoll, EPOLL_CTL_DEL, socket.descriptor, nil)
    }

    /// Stops watching. `isOpen` says that the descriptor still is this socket's: a closed one has left the set by itself, and its
    /// number may belong to another by now.
    func forget(_ socket: Socket, isOpen: Bool) {
        sockets[socket.id] = nil
        if isOpen { rest(socket) }
    }

    // MARK: Dialling

    func dial(_ endpoint: Endpoint, algorithms: String, completion: @escaping (Result<Dialled, TransportError>) -> Void)
        -> SSHDial
    {
        lastDialID += 1
        let dial = SSHDial(
            id: lastDialID, reactor: self, endpoint: endpoint, algorithms: algorithms, completion: completion)
        dials[dial.id] = dial
        waitingForSlot.append(dial)
        atEndOfTurn { self.fillSlots() }
        return dial
    }

    /// The dial with this number, if it still goes on.
    func dial(_ id: UInt64) -> SSHDial? { dials[id] }

    func dialEnded(_ dial: SSHDial) { dials[dial.id] = nil }

    func releaseSlot() {
        slotsTaken -= 1
        // Not here: a thousand hosts that refuse at once would otherwise call each other a thousand deep.
        atEndOfTurn { self.fillSlots() }
    }

    private func fillSlots() {
        let free = min(limits.concurrentHandshakes - slotsTaken, waitingForSlot.count)
        guard free > 0 else { return }
        let starting = waitingForSlot.prefix(free)
        waitingForSlot.removeFirst(free)
        slotsTaken += free
        for dial in starting { dial.start() }
    }

    // MARK: Hosts

    func run(_ order: OpenOrder) {
        let host = hosts[order.endpoint] ?? SSHHost(order.endpoint, reactor: self)
        hosts[order.endpoint] = host
        host.accept(OpenRequest(order, at: now))
    }

    func withdraw(_ order: OpenOrder) { hosts[order.endpoint]?.withdraw(order) }

    /// Notes that a helper thread has the session of `connection`; the number is how it comes back.
    func lent(_ connection: SSHConnection) -> UInt64 {
        lastLoanID += 1
        loans[lastLoanID] = connection
        return lastLoanID
    }

    func returned(_ loan: UInt64) { loans.removeValue(forKey: loan)?.loanReturned() }

    func nextCommandID() -> UInt64 {
        lastCommandID += 1
        return lastCommandID
    }

    func register(_ command: SSHCommand) { commands[command.id] = command }
    func unregister(_ command: SSHCommand) { commands[command.id] = nil }
    /// The command with this number; nil when it is over.
    func command(_ id: UInt64) -> SSHCommand? { commands[id] }

    func forget(_ host: SSHHost) { hosts[host.endpoint] = nil }

    /// Keeps the number of idle connections bounded.
    func becameIdle(_ connection: SSHConnection) {
        idle.append(connection)
        if idle.count > limits.idleSessions { idle.removeFirst().close() }
    }

    func noLongerIdle(_ connection: SSHConnection) {
        if let index = idle.firstIndex(where: { $0 === connection }) { idle.remove(at: index) }
    }
}
