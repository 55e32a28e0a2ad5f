import CFlowShims
import Glibc
import Synchronization

/// Our end of a pipe or a connection to a child. Never blocks a thread; one task reads or writes it at a time.
///
/// What is in the pipe is all that is buffered, so a slow reader holds the other side up.
final class PipeEnd: Sendable {
    enum Taken {
        case bytes([UInt8])
        case end
        /// Nothing for now: `wakeup` is signalled when there is, or when it was closed.
        case later
    }

    /// nil once closed.
    private let state: Mutex<(descriptor: CInt, watch: PollLoop.Watch)?>
    private let wakeup: Wakeup

    /// Takes over the descriptor; closes it when this fails.
    init(_ descriptor: CInt, wakeup: Wakeup = Wakeup()) throws {
        self.wakeup = wakeup
        do {
            guard fcntl(descriptor, F_SETFL, O_NONBLOCK) == 0 else { throw CallError("a pipe could not be set up") }
            let watch = try PollLoop.shared.watch(descriptor) { wakeup.signal() }
            state = Mutex((descriptor, watch))
        } catch {
            Glibc.close(descriptor)
            throw error
        }
    }

    deinit { close() }

    /// A new pipe: the descriptor for the child, which the caller closes, and our end.
    static func make(childReads: Bool, wakeup: Wakeup = Wakeup()) throws -> (child: CInt, end: PipeEnd) {
        var pair: [CInt] = [-1, -1]
        let code = flow_pipe(&pair)
        guard code == 0 else { throw CallError("a pipe could not be made", code) }
        return childReads ? try take(pair[1], child: pair[0], wakeup) : try take(pair[0], child: pair[1], wakeup)
    }

    /// A new connection to write to, with which descriptors can be sent.
    static func makeConnection(wakeup: Wakeup = Wakeup()) throws -> (child: CInt, end: PipeEnd) {
        var pair: [CInt] = [-1, -1]
        let code = flow_connection(&pair)
        guard code == 0 else { throw CallError("a connection could not be made", code) }
        return try take(pair[0], child: pair[1], wakeup)
    }

    private static func take(_ ours: CInt, child: CInt, _ wakeup: Wakeup) throws -> (child: CInt, end: PipeEnd) {
        do {
            return (child, try PipeEnd(ours, wakeup: wakeup))
        } catch {
            Glibc.close(child)
            throw error
        }
    }

    /// What is there now.
    func take() throws -> Taken {
        try state.withLock { open in
            guard let (descriptor, watch) = open else { return .end }
            let bytes = try [UInt8](unsafeUninitializedCapacity: WorkerLimits.chunkBytes) { buffer, count in
                let got = Glibc.read(descriptor, buffer.baseAddress, buffer.count)
                guard got >= 0 || errno == EAGAIN || errno == EINTR else { throw CallError("reading a pipe") }
                count = max(0, got)
                if got == 0 { open = PipeEnd.release(descriptor, watch) }
            }
            if !bytes.isEmpty { return .bytes(bytes) }
            guard open != nil else { return .end }
            PollLoop.shared.arm(watch, for: .readable)
            return .later
        }
    }

    /// The next bytes; nil at the end, and when `child` has ended and nothing is left of what it wrote: others may hold the pipe open.
    func read(until child: ChildProcess) async throws -> [UInt8]? {
        while true {
            // Looked at before the pipe: what it wrote before it ended is in it by then.
            let hasEnded = child.endIfKnown != nil
            switch try take() {
            case .bytes(let bytes): return bytes
            case .end: return nil
            case .later:
                if hasEnded { return nil }
                try await wakeup.wait()
            }
        }
    }

    /// Returns, perhaps too early, when `take` may give something else than `later`, and after `wake`.
    func change() async throws { try await wakeup.wait() }

    /// Has who waits for a change look again.
    func wake() { wakeup.signal() }

    /// Writes all of it, and sends a copy of `descriptor` with the first byte. Throws when the other side is closed, and
    /// `CancellationError`; part of it may have gone then.
    func write(_ bytes: [UInt8], sending passenger: CInt? = nil) async throws {
        var done = 0
        while done < bytes.count {
            let isFull = try state.withLock { open in
                guard let (descriptor, watch) = open else { throw CallError("writing to a pipe", EPIPE) }
                let written = bytes.withUnsafeBytes { bytes in
                    let rest = bytes.baseAddress.map { $0 + done }
                    guard done == 0, let passenger else { return Glibc.write(descriptor, rest, bytes.count - done) }
                    return flow_send(descriptor, rest, bytes.count, passenger)
                }
                if written >= 0 {
                    done += written
                    return false
                }
                guard errno == EAGAIN || errno == EINTR else { throw CallError("writing to a pipe") }
                PollLoop.shared.arm(watch, for: .writable)
                return true
            }
            if isFull { try await wakeup.wait() }
        }
    }

    /// Idempotent. Wakes who waits.
    func close() {
        state.withLock { open in
            if let (descriptor, watch) = open { open = PipeEnd.release(descriptor, watch) }
        }
        wakeup.signal()
    }

    private static func release(_ descriptor: CInt, _ watch: PollLoop.Watch) -> (descriptor: CInt, watch: PollLoop.Watch)? {
        PollLoop.shared.remove(watch)
        Glibc.close(descriptor)
        return nil
    }
}
