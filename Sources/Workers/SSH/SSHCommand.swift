import CLibSSH
import FlowThreads
import Glibc

/// A command on its session, inside the loop: opening its channel, asking for the command, moving its bytes.
final class SSHCommand {
    private enum Phase {
        case opening
        case requesting
        case running
        case over
    }

    private struct Write {
        var bytes: [UInt8]
        var done = 0
        var reply: Reply<Void>
    }

    let request: OpenRequest
    let id: UInt64
    /// When it has to have got further; far away while it runs.
    private(set) var deadline: Tick
    private let totalDeadline: Tick
    private let session: ReadySession
    private unowned let connection: SSHConnection
    private let reactor: SSHReactor
    private let channel: ssh_channel
    private let callbacks: UnsafeMutablePointer<ssh_channel_callbacks_struct>
    private let inbox: ChannelInbox
    private var phase = Phase.opening

    private var writes: [Write] = []
    private var endOfInput: Reply<Void>?
    /// Bytes that libssh keeps because the inbox was full.
    private var unread = (output: 0, errors: 0)
    private var hasUnread: Bool { unread.output + unread.errors > 0 }
    private var hasSpoken = false
    private var wakesReader = false
    private var exit: (status: Int?, signal: Int?)?
    private var sawEnd = false
    private var sawClose = false
    private var ignoresWindow = false

    init?(_ request: OpenRequest, on session: ReadySession, connection: SSHConnection, reactor: SSHReactor, deadline: Tick) {
        guard let channel = session.makeChannel() else { return nil }
        self.request = request
        self.session = session
        self.connection = connection
        self.reactor = reactor
        self.channel = channel
        totalDeadline = deadline
        self.deadline = min(deadline, reactor.now + reactor.limits.channel)
        inbox = ChannelInbox(bound: reactor.limits.bufferedOutputBytes)
        callbacks = .allocate(capacity: 1)
        id = reactor.nextCommandID()
        callbacks.initialize(to: Self.callbacks(for: Unmanaged.passUnretained(self).toOpaque()))
        ssh_add_channel_callbacks(channel, callbacks)
        reactor.register(self)
    }

    deinit { callbacks.deallocate() }

    // MARK: Going on

    func advance() {
        switch phase {
        case .opening: openChannel()
        case .requesting: requestCommand()
        case .running:
            writeMore()
            readMore()
            endIfOver()
        case .over: break
        }
    }

    private func openChannel() {
        switch ssh_channel_open_session(channel) {
        case SSH_OK:
            phase = .requesting
            deadline = min(totalDeadline, reactor.now + reactor.limits.exec)
            requestCommand()
        case SSH_AGAIN: break
        default:
            // A broken session is noticed, and told, by the connection.
            guard session.isAlive else { return }
            let why = session.failure
            release()
            connection.refused(self, why)
        }
    }

    private func requestCommand() {
        switch ssh_channel_request_exec(channel, request.order.command) {
        case SSH_OK: started()
        case SSH_AGAIN where sawClose:
            answer(.failure(error(.exec, "it closed the channel where the command should have started", mayHaveRun: true)))
            end()
        case SSH_AGAIN: break
        default:
            guard session.isAlive else { return }
            answer(.failure(error(.exec, "it refused to start the command", isTransient: false)))
            end()
        }
    }

    private func started() {
        phase = .running
        // A quick command may have ended before its start was confirmed.
        deadline = exit == nil ? Tick(nanoseconds: .max) : reactor.now + reactor.limits.drain
        connection.started()
        answer(.success(SSHChannel(id: id, inbox: inbox, mailbox: reactor.mailbox)))
        endIfOver()
    }

    func tick(_ now: Tick) {
        guard now >= deadline else { return }
        switch phase {
        case .opening: connection.stalled(self)
        case .requesting:
            let message = "it did not say within \(reactor.limits.exec) whether the command started"
            answer(.failure(error(.exec, message, mayHaveRun: true)))
            end()
        case .running:
            // Something that the command left behind holds its output open. A reader that is slow is another matter.
            if hasUnread { deadline = now + reactor.limits.drain } else { finish() }
        case .over: break
        }
    }

    // MARK: Input

    func write(_ bytes: [UInt8], reply: Reply<Void>) {
        guard phase == .running, endOfInput == nil else { return refuse(reply) }
        writes.append(Write(bytes: bytes, reply: reply))
    }

    func finishInput(_ reply: Reply<Void>) {
        guard phase == .running, endOfInput == nil else { return reply.settle(.success(())) }
        endOfInput = reply
    }

    /// Does `work` on the running command and then lets its session go on.
    func act(_ work: (SSHCommand) -> Void) { connection.act { work(self) } }

    /// Forgets a write whose task was cancelled. Part of it may have gone.
    func withdrawWrite(_ reply: Reply<Void>) {
        guard let index = writes.firstIndex(where: { $0.reply === reply }) else { return }
        writes.remove(at: index)
        reactor.atEndOfTurn { reply.settle(.failure(CancellationError())) }
    }

    private func writeMore() {
        // Only while the socket takes it: what libssh has to keep for a slow server would be without bound.
        while !writes.isEmpty, !session.wantsOutput {
            let (bytes, done) = (writes[0].bytes, writes[0].done)
            if done < bytes.count {
                let size = min(32 << 10, bytes.count - done)
                let count = bytes.withUnsafeBytes { ssh_channel_write(channel, $0.baseAddress.map { $0 + done }, UInt32(size)) }
                guard count > 0 else { return }
                writes[0].done += Int(count)
            }
            if writes[0].done == bytes.count {
                let reply = writes.removeFirst().reply
                reactor.atEndOfTurn { reply.settle(.success(())) }
            }
            if session.wantsOutput { session.pump() }
        }
        if writes.isEmpty, let reply = endOfInput {
            endOfInput = nil
            // It fails only where the session broke, which the connection notices and tells.
            _ = ssh_channel_send_eof(channel)
            reactor.atEndOfTurn { reply.settle(.success(())) }
        }
    }

    // MARK: Output

    /// libssh has bytes: takes what there is room for. What stays keeps the window shut.
    func received(_ bytes: UnsafeRawBufferPointer, isError: Bool) -> Int {
        if bytes.count > reactor.limits.ignoredWindowBytes { ignoresWindow = true }
        let taken = inbox.offer(bytes, isError: isError)
        if isError { unread.errors = bytes.count - taken } else { unread.output = bytes.count - taken }
        hasSpoken = true
        if taken > 0 { wakeReader() }
        return taken
    }

    func ended(status: Int?, signal: Int?) {
        hasSpoken = true
        guard exit == nil else { return }
        exit = (status, signal)
        if phase == .running { deadline = reactor.now + reactor.limits.drain }
    }

    func sawEndOfOutput() { sawEnd = true }
    func sawChannelClose() { sawClose = true }

    /// Takes what was left with libssh, once the reader made room, and all of it: libssh opens the window again with each read,
    /// however much of what it has is still unread. So at most one window is here and one there.
    private func readMore() {
        guard hasUnread, inbox.hasRoom else { return }
        let (output, errors) = unread
        unread = (0, 0)
        take(output, isError: false)
        take(errors, isError: true)
        wakeReader()
    }

    private func take(_ count: Int, isError: Bool) {
        withUnsafeTemporaryAllocation(byteCount: 32 << 10, alignment: 1) { buffer in
            var left = count
            while left > 0 {
                let wanted = UInt32(min(left, buffer.count))
                let count = ssh_channel_read_nonblocking(channel, buffer.baseAddress, wanted, isError ? 1 : 0)
                guard count > 0 else { return }
                inbox.put(UnsafeRawBufferPointer(rebasing: buffer[..<Int(count)]), isError: isError)
                left -= Int(count)
            }
        }
    }

    private func wakeReader() {
        guard !wakesReader else { return }
        wakesReader = true
        reactor.atEndOfTurn {
            self.wakesReader = false
            self.inbox.wake()
        }
    }

    // MARK: The end

    private func endIfOver() {
        guard phase == .running else { return }
        if ignoresWindow { return connection.lost("it sends more than it was allowed to") }
        if sawClose || (exit != nil && sawEnd), !hasUnread { finish() }
    }

    private func finish() {
        if let exit {
            inbox.end(.exited(status: exit.status, signal: exit.signal))
        } else {
            inbox.fail(error(.stream, "it ended the command's channel and did not say how the command ended", mayHaveRun: true))
        }
        end()
    }

    /// The session broke, or shall not be waited for. What had not begun is tried on another when that makes sense.
    func lost(_ message: String, mayRetry: Bool) {
        // It may have begun, spoken and even ended before its start was noted here.
        if phase == .requesting, hasSpoken { started() }
        guard phase != .over else { return }
        let phase = phase
        inbox.fail(TransportError(.stream, message, mayHaveRun: true))
        release()
        switch phase {
        case .opening:
            request.losses += 1
            if mayRetry, request.losses <= 2 { return connection.host.takeBack(request) }
            answer(.failure(TransportError(.channel, message)))
        case .requesting: answer(.failure(TransportError(.exec, message, mayHaveRun: true)))
        case .running, .over: break
        }
    }

    /// The task that wanted it was cancelled.
    func withdraw() {
        switch phase {
        case .opening: answer(.failure(CancellationError()))
        case .requesting: answer(.failure(error(.exec, "the start was cancelled half-way", mayHaveRun: true)))
        case .running, .over: break
        }
        release()
    }

    /// Lets go of the channel; what the command left running goes on.
    func end() {
        release()
        connection.ended(self)
    }

    private func release() {
        guard phase != .over else { return }
        phase = .over
        deadline = Tick(nanoseconds: .max)
        reactor.unregister(self)
        for write in writes { refuse(write.reply) }
        if let reply = endOfInput { reactor.atEndOfTurn { reply.settle(.success(())) } }
        writes = []
        endOfInput = nil
        inbox.fail(TransportError(.stream, "\(connection.host.endpoint): the channel was closed here", mayHaveRun: true))
        wakeReader()
        ssh_remove_channel_callbacks(channel, callbacks)
        // Twice: while bytes wait for the socket the first call sends the end of input only.
        if session.isAlive, ssh_channel_is_open(channel) != 0, ssh_channel_close(channel) == SSH_AGAIN {
            _ = ssh_channel_close(channel)
        }
        ssh_channel_free(channel)
    }

    private func refuse(_ reply: Reply<Void>) {
        let failure = error(.stream, "the command had ended before it took all of its input", mayHaveRun: true)
        reactor.atEndOfTurn { reply.settle(.failure(failure)) }
    }

    private func answer(_ result: Result<SSHChannel, any Error>) { connection.host.answer(request, result) }

    private func error(
        _ phase: TransportError.Phase, _ message: String, mayHaveRun: Bool = false, isTransient: Bool = true
    ) -> TransportError {
        TransportError(phase, "\(connection.host.endpoint): \(message)", mayHaveRun: mayHaveRun, isTransient: isTransient)
    }
}
