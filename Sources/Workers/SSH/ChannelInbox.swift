import Synchronization

/// The output of a command on its way from the loop to the task that reads it. Bounded.
final class ChannelInbox: Sendable {
    private enum End {
        case exited(TransportEvent)
        case lost(TransportError)
        case told
    }

    private struct State {
        var chunks: [(isError: Bool, bytes: [UInt8])] = []
        var bytes = 0
        /// Whether the loop left output with libssh because this is full.
        var isFull = false
        var end: End?
        var reader: CheckedContinuation<TransportEvent?, any Error>?
    }

    private let bound: Int
    private let state = Mutex(State())

    init(bound: Int) { self.bound = bound }

    // MARK: The loop's side

    /// Takes as much as there is room for and says how much that was.
    func offer(_ bytes: UnsafeRawBufferPointer, isError: Bool) -> Int {
        state.withLock { state in
            // Nobody reads on.
            guard state.end == nil else { return bytes.count }
            let taken = min(room(state), bytes.count)
            state.isFull = taken < bytes.count
            if taken > 0 { Self.append(UnsafeRawBufferPointer(rebasing: bytes.prefix(taken)), isError: isError, to: &state) }
            return taken
        }
    }

    /// Takes all of it, whatever the bound.
    func put(_ bytes: UnsafeRawBufferPointer, isError: Bool) {
        state.withLock { state in
            if state.end == nil { Self.append(bytes, isError: isError, to: &state) }
        }
    }

    private static func append(_ bytes: UnsafeRawBufferPointer, isError: Bool, to state: inout State) {
        if let last = state.chunks.indices.last, state.chunks[last].isError == isError {
            state.chunks[last].bytes.append(contentsOf: bytes)
        } else {
            state.chunks.append((isError, Array(bytes)))
        }
        state.bytes += bytes.count
    }

    /// Whether `offer` would take anything. If not, `makeRoom` will be called when it would.
    var hasRoom: Bool {
        state.withLock { state in
            let hasRoom = room(state) > 0
            if !hasRoom { state.isFull = true }
            return hasRoom
        }
    }

    /// What a chunk costs beside its bytes counts too: the streams may alternate byte by byte.
    private func room(_ state: State) -> Int {
        state.end == nil ? max(0, bound - state.bytes - state.chunks.count * 64) : .max
    }

    func end(_ event: TransportEvent) { state.withLock { $0.end = $0.end ?? .exited(event) } }

    func fail(_ error: TransportError) { state.withLock { $0.end = $0.end ?? .lost(error) } }

    /// Hands over to a reader that waits.
    func wake() {
        let ready = state.withLock {
            state -> (CheckedContinuation<TransportEvent?, any Error>, Result<TransportEvent?, any Error>)? in
            guard let reader = state.reader, let result = Self.take(&state) else { return nil }
            state.reader = nil
            return (reader, result)
        }
        if let (reader, result) = ready { reader.resume(with: result) }
    }

    // MARK: The task's side

    /// The next event. `makeRoom` is called when the loop waits for room and there is plenty again.
    func next(makeRoom: () -> Void) async throws -> TransportEvent? {
        let event = try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let early = state.withLock { state -> Result<TransportEvent?, any Error>? in
                    precondition(state.reader == nil, "two tasks read one channel at once")
                    if Task.isCancelled { return .failure(CancellationError()) }
                    if let result = Self.take(&state) { return result }
                    state.reader = continuation
                    return nil
                }
                if let early { continuation.resume(with: early) }
            }
        } onCancel: {
            let reader = state.withLock { state in
                defer { state.reader = nil }
                return state.reader
            }
            reader?.resume(throwing: CancellationError())
        }
        let hasRoom = state.withLock { state in
            guard state.isFull, state.bytes < bound / 2 else { return false }
            state.isFull = false
            return true
        }
        if hasRoom { makeRoom() }
        return event
    }

    private static func take(_ state: inout State) -> Result<TransportEvent?, any Error>? {
        if !state.chunks.isEmpty {
            let chunk = state.chunks.removeFirst()
            state.bytes -= chunk.bytes.count
            return .success(chunk.isError ? .stderr(chunk.bytes) : .stdout(chunk.bytes))
        }
        switch state.end {
        case nil: return nil
        case .exited(let event)?:
            state.end = .told
            return .success(event)
        case .lost(let error)?: return .failure(error)
        case .told?: return .success(nil)
        }
    }
}
