import Synchronization

/// What a task that waits for an answer and the loop that gets it know of each other.
final class Exchange: Sendable {
    enum Taken { case taken, full, over }

    /// What the task waits for.
    private enum Want { case head, piece, end }

    private struct State {
        var head: HTTP.Head?
        var pieces: [UInt8] = []
        var end: Result<Void, any Error>?
        /// The loop reads no more until somebody takes what is there.
        var isFull = false
        var waiter: (want: Want, continuation: CheckedContinuation<Void, Never>)?

        func has(_ want: Want) -> Bool {
            switch want {
            case .head: head != nil || end != nil
            case .piece: !pieces.isEmpty || end != nil
            case .end: end != nil
            }
        }

        /// The one who waits, if there is now what they wait for.
        mutating func woken() -> CheckedContinuation<Void, Never>? {
            guard let waiting = waiter, has(waiting.want) else { return nil }
            waiter = nil
            return waiting.continuation
        }
    }

    let id: UInt64
    /// Whether the body is read piece by piece; else its reader wakes at its end.
    private let isStream: Bool
    private let bufferBytes: Int
    private let mailbox: Mailbox
    private let state = Mutex(State())

    init(id: UInt64, isStream: Bool, bufferBytes: Int, mailbox: Mailbox) {
        self.id = id
        self.isStream = isStream
        self.bufferBytes = bufferBytes
        self.mailbox = mailbox
    }

    // MARK: For the task

    /// The head of the answer, once there is one; with its whole body where that is not read piece by piece.
    func head() async throws -> HTTP.Head {
        await wait(for: isStream ? .head : .end)
        let (head, end) = state.withLock { ($0.head, $0.end) }
        // An answer that broke off is one as long as somebody reads what came of it.
        if case .failure(let error) = end, !isStream || head == nil { throw error }
        guard let head else { throw HTTP.Failure.other("an answer ended without a head") }
        return head
    }

    /// What has come of the body; nil behind its end.
    func next() async throws -> [UInt8]? {
        await wait(for: .piece)
        let (pieces, end, wasFull) = state.withLock { state in
            defer { (state.pieces, state.isFull) = ([], false) }
            return (state.pieces, state.end, state.isFull)
        }
        if wasFull { mailbox.send { [id] in $0.resume(id) } }
        guard pieces.isEmpty else { return pieces }
        try end?.get()
        return nil
    }

    /// Nobody wants the rest: who waits gets `error`, and the transfer ends.
    func abandon(_ error: any Error) {
        guard finish(.failure(error), dropsPieces: true) else { return }
        mailbox.send { [id] in $0.abandon(id) }
    }

    private func wait(for want: Want) async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isThere = state.withLock { state in
                    guard !state.has(want) else { return true }
                    precondition(state.waiter == nil, "one task reads an answer")
                    state.waiter = (want, continuation)
                    return false
                }
                if isThere { continuation.resume() }
            }
        } onCancel: {
            abandon(CancellationError())
        }
    }

    // MARK: For the loop

    func take(_ head: HTTP.Head) {
        let waiter = state.withLock { state in
            state.head = head
            return state.woken()
        }
        waiter?.resume()
    }

    /// Takes bytes of the body, or says why not.
    func take(_ bytes: UnsafeRawBufferPointer) -> Taken {
        let (taken, waiter) = state.withLock { state -> (Taken, CheckedContinuation<Void, Never>?) in
            guard state.end == nil else { return (.over, nil) }
            guard !isStream || state.pieces.count < bufferBytes else {
                state.isFull = true
                return (.full, nil)
            }
            state.pieces.append(contentsOf: bytes)
            return (.taken, state.woken())
        }
        waiter?.resume()
        return taken
    }

    func end(_ result: Result<Void, HTTP.Failure>) { _ = finish(result.mapError { $0 as any Error }, dropsPieces: false) }

    /// False when it has ended already.
    private func finish(_ result: Result<Void, any Error>, dropsPieces: Bool) -> Bool {
        let (isFirst, waiter) = state.withLock { state -> (Bool, CheckedContinuation<Void, Never>?) in
            guard state.end == nil else { return (false, nil) }
            state.end = result
            if dropsPieces { state.pieces = [] }
            return (true, state.woken())
        }
        waiter?.resume()
        return isFirst
    }
}
