import FlowThreads
import Glibc

/// A session whose keys are exchanged, with the socket it uses and the end of the time it has left.
struct Dialled {
    var session: SSHSession
    var socket: Socket
    var deadline: Tick
}

/// One way to a server: name lookup, TCP connection, banner and key exchange, each with its deadline.
///
/// A server that drops the connection before it has said anything has too many others in their handshake (`MaxStartups`):
/// the dial waits a little and tries again, until the connect deadline.
final class SSHDial: SocketOwner, Timed {
    private enum Step {
        /// It has no socket: its turn has not come, or it is between two addresses.
        case waiting
        case resolving
        case connecting(Socket, untilNextAddress: Tick)
        case exchangingKeys(SSHSession, Socket)
        case backingOff(until: Tick)
        case over
    }

    let id: UInt64
    var armedFor: Tick?
    private let reactor: SSHReactor
    private let endpoint: Endpoint
    private let algorithms: String
    private let completion: (Result<Dialled, TransportError>) -> Void
    private var step = Step.waiting
    private var addresses: [SocketAddress] = []
    private var nextAddress = 0
    private var holdsSlot = false
    private var drops = 0
    private let asked = Tick.now
    private var started = Tick(nanoseconds: 0)
    private var silentSince = Tick(nanoseconds: 0)
    private var phaseDeadline = Tick(nanoseconds: .max)

    init(
        id: UInt64, reactor: SSHReactor, endpoint: Endpoint, algorithms: String,
        completion: @escaping (Result<Dialled, TransportError>) -> Void
    ) {
        self.id = id
        self.reactor = reactor
        self.endpoint = endpoint
        self.algorithms = algorithms
        self.completion = completion
    }

    private var limits: SSHLimits { reactor.limits }
    private var totalDeadline: Tick { started + limits.total }

    /// Begins; it has been given leave.
    func start() {
        holdsSlot = true
        started = Tick.now
        guard case .waiting = step else { return giveSlotBack() }
        silentSince = started
        if let address = SocketAddress.numeric(endpoint.address, port: endpoint.port) {
            addresses = [address]
            connect()
        } else {
            resolve()
        }
    }

    /// Ends it without a call to its completion, unless `error` is given.
    func abandon(_ error: TransportError? = nil) {
        guard let error else { return finish(nil) }
        finish(.failure(error))
    }

    // MARK: Phases

    private func resolve() {
        step = .resolving
        begin(phase: limits.resolve)
        let (id, name, port, mailbox, deadline) = (id, endpoint.address, endpoint.port, reactor.mailbox, phaseDeadline)
        reactor.threads.lookups.run {
            // One that had to wait for a thread for so long has failed already; those behind it may still be in time.
            guard Tick.now < deadline else { return }
            let found = Result { () throws(SocketAddress.LookupFailure) in try SocketAddress.lookUp(name, port: port) }
            // A loop that has ended needs no answer.
            _ = mailbox.send { reactor in reactor.dial(id)?.resolved(found) }
        }
    }

    private func resolved(_ found: Result<[SocketAddress], SocketAddress.LookupFailure>) {
        guard case .resolving = step else { return }
        switch found {
        case .success(let found) where !found.isEmpty:
            addresses = found
            connect()
        case .success: fail(.resolve, "'\(endpoint.address)' has no address")
        case .failure(let failure): fail(.resolve, "'\(endpoint.address)' was not found: \(failure.message)")
        }
    }

    private func connect() {
        begin(phase: limits.connect)
        nextAddress = 0
        tryNextAddress(afterFailure: "it has no address")
    }

    private func tryNextAddress(afterFailure failure: String) {
        letGo()
        var failure = failure
        while nextAddress < addresses.count {
            let address = addresses[nextAddress]
            // Each address gets an equal share of what is left, so that one that is silent does not use up the others' time.
            let share = phaseDeadline.since(Tick.now) / (addresses.count - nextAddress)
            nextAddress += 1
            do throws(SocketAddress.LookupFailure) {
                let descriptor = try address.beginConnecting()
                guard let socket = reactor.watch(descriptor, output: true, owner: self) else {
                    close(descriptor)
                    return fail(.connect, "the kernel watches no more sockets: \(SystemError.text(errno))")
                }
                let until = Tick.now + share
                step = .connecting(socket, untilNextAddress: until)
                return arm(until)
            } catch  where error.isShortage {
                return waitForRoom(error.message)
            } catch {
                failure = error.message
            }
        }
        fail(.connect, failure)
    }

    /// This machine has no descriptor left: its turn comes again, and its time begins anew. How long the commands that want it may wait in
    /// all, the host knows.
    private func waitForRoom(_ message: String) {
        guard Tick.now < asked + limits.waiting else { return fail(.connect, "this machine is short of something: \(message)") }
        letGo()
        step = .backingOff(until: Tick.now + limits.backoff)
        started = Tick.now
        phaseDeadline = Tick(nanoseconds: .max)
        giveSlotBack()
        arm(Tick.now + limits.backoff)
    }

    private func connected(_ socket: Socket) {
        let code = SocketAddress.pendingError(socket.descriptor)
        guard code == 0 else { return tryNextAddress(afterFailure: SystemError.text(code)) }
        let session = SSHSession(descriptor: socket.descriptor, user: endpoint.user, hostKeyAlgorithms: algorithms)
        guard let session else {
            return fail(.keyExchange, "libssh refused the options of this connection", isTransient: false)
        }
        step = .exchangingKeys(session, socket)
        begin(phase: limits.keyExchange)
        exchangeKeys(session, socket)
    }

    private func exchangeKeys(_ session: SSHSession, _ socket: Socket) {
        switch session.exchangeKeys() {
        case .done:
            finish(.success(Dialled(session: session, socket: socket, deadline: totalDeadline)))
        case .again where session.receivedBytes > UInt64(limits.handshakeBytes):
            fail(.keyExchange, "it sent \(session.receivedBytes) bytes where at most \(limits.handshakeBytes) are due")
        case .again:
            reactor.watch(socket, output: session.wantsOutput)
        case .failed(let message) where !session.hasBanner && isDrop(message):
            backOff()
        case .failed(let message) where message.contains("no match for method server host key algo"):
            let known = endpoint.hostKeys.map(\.description).joined(separator: ", ")
            fail(
                .hostKey, "it has no host key of a type in the inventory (\(known)). Nothing was sent to it.",
                isTransient: false)
        case .failed(let message):
            fail(.keyExchange, message)
        }
    }

    private func isDrop(_ message: String) -> Bool { message.contains("disconnected") || message.contains("reset") }

    private func backOff() {
        drops += 1
        let doubled = limits.backoff * (1 << min(drops - 1, 10))
        let pause = min(doubled, limits.longestBackoff) * Double.random(in: 0.5...1.5)
        let now = Tick.now
        guard now + pause < started + limits.connect else {
            return fail(.keyExchange, "it closed the connection before its banner, \(drops) times (MaxStartups?)")
        }
        letGo()
        step = .backingOff(until: now + pause)
        phaseDeadline = Tick(nanoseconds: .max)
        giveSlotBack()
        arm(now + pause)
    }

    // MARK: Events

    func socketIsReady() {
        silentSince = reactor.now
        switch step {
        case .connecting(let socket, _): connected(socket)
        case .exchangingKeys(let session, let socket): exchangeKeys(session, socket)
        case .waiting, .resolving, .backingOff, .over: break
        }
    }

    func tick(_ now: Tick) {
        if holdsSlot, now >= silentSince + limits.handshakeSlot { giveSlotBack() }
        switch step {
        case .waiting, .over: return
        case .backingOff(let until) where now >= until: connect()
        case .resolving where now >= phaseDeadline:
            fail(.resolve, "no answer about '\(endpoint.address)' within \(limits.resolve)")
        case .connecting(_, let until) where now >= until && now < phaseDeadline && nextAddress < addresses.count:
            tryNextAddress(afterFailure: "no answer")
        case .connecting where now >= phaseDeadline:
            fail(.connect, "no answer within \(limits.connect)")
        case .exchangingKeys(let session, _) where now >= phaseDeadline:
            let seen = session.hasBanner ? "the key exchange did not end" : "no banner came"
            fail(.keyExchange, "\(seen) within \(limits.keyExchange)")
        case _ where now >= totalDeadline:
            fail(.keyExchange, "the connection did not come about within \(limits.total)")
        case .resolving, .connecting, .exchangingKeys, .backingOff: break
        }
        rearm()
    }

    private func begin(phase: Duration) {
        phaseDeadline = Tick.now + phase
        rearm()
    }

    private func rearm() {
        var earliest = min(phaseDeadline, totalDeadline)
        switch step {
        case .over: return
        case .connecting(_, let until): earliest = min(earliest, until)
        case .backingOff(let until): earliest = min(earliest, until)
        case .waiting, .resolving, .exchangingKeys: break
        }
        if holdsSlot { earliest = min(earliest, silentSince + limits.handshakeSlot) }
        arm(earliest)
    }

    private func arm(_ tick: Tick) { reactor.arm(self, at: tick) }

    // MARK: Ends

    private func fail(_ phase: TransportError.Phase, _ message: String, isTransient: Bool = true) {
        finish(.failure(TransportError(phase, "\(endpoint): \(message)", isTransient: isTransient)))
    }

    private func finish(_ result: Result<Dialled, TransportError>?) {
        if case .over = step { return }
        if case .success? = result {} else { letGo() }
        step = .over
        reactor.dialEnded(self)
        giveSlotBack()
        if let result { completion(result) }
    }

    /// Lets go of the socket of this step, once: a number that is closed twice may be another thread's file by then.
    private func letGo() {
        let last = step
        step = .waiting
        switch last {
        case .connecting(let socket, _):
            reactor.forget(socket, isOpen: true)
            close(socket.descriptor)
        // libssh closes it with its session, or has closed it already.
        case .exchangingKeys(let session, let socket): reactor.forget(socket, isOpen: session.isOpen)
        case .waiting, .resolving, .backingOff, .over: break
        }
    }

    private func giveSlotBack() {
        guard holdsSlot else { return }
        holdsSlot = false
        reactor.releaseSlot()
    }
}
