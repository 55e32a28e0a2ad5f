import Synchronization

/// One of the two streams that a flow's process prints to.
///
/// What is printed cannot be told apart by step, nor by run: the process may print in one what it was given in another. So every secret that the
/// process was ever given is masked in it, whichever step is shown it.
final class PrintedStream: Sendable {
    private struct Waiter {
        /// Bytes that may still be in front of what is waited for: no more are in a pipe at once.
        var rest = WorkerLimits.chunkBytes
        var isIn: CheckedContinuation<Void, Never>
    }

    private struct State {
        var redactor = Redactor(.none)
        var waiters: [Waiter] = []
        /// How many of them waited before the last look into the pipe.
        var looked = 0
        var hasEnded = false
    }

    private let pipe: PipeEnd
    private let state = Mutex(State())

    init(_ pipe: PipeEnd) { self.pipe = pipe }

    /// Masks these too from now on. Called before the process is given what they are of.
    func mask(_ patterns: SecretPatterns) { state.withLock { $0.redactor.add(patterns) } }

    /// Hands out what is printed until `child` has ended, or this task is cancelled.
    func read(until child: ChildProcess, _ give: ([UInt8]) async -> Void) async {
        do {
            while let bytes = try await next(until: child, give) {
                let shown = state.withLock { $0.redactor.take(bytes) }
                if !shown.isEmpty { await give(shown) }
                wake { state in
                    for index in 0..<state.looked { state.waiters[index].rest -= bytes.count }
                }
            }
            // The process may have died in the middle of a secret.
            let rest = state.withLock { $0.redactor.finish(isCut: true) }
            if !rest.isEmpty { await give(rest) }
        } catch {
            // Cancelled; or the pipe broke, which the end of the process will explain.
        }
        wake { state in
            state.hasEnded = true
            for index in state.waiters.indices { state.waiters[index].rest = 0 }
        }
    }

    /// Returns when all that was printed before is handed out.
    func caughtUp() async {
        await withCheckedContinuation { continuation in
            let hasEnded = state.withLock { state in
                if !state.hasEnded { state.waiters.append(Waiter(isIn: continuation)) }
                return state.hasEnded
            }
            if hasEnded { continuation.resume() } else { pipe.wake() }
        }
    }

    func close() { pipe.close() }

    private func next(until child: ChildProcess, _ give: ([UInt8]) async -> Void) async throws -> [UInt8]? {
        while true {
            // Both looked at before the pipe: what was written before is in it by then.
            let hasEnded = child.endIfKnown != nil
            state.withLock { $0.looked = $0.waiters.count }
            switch try pipe.take() {
            case .bytes(let bytes): return bytes
            case .end: return nil
            case .later:
                if hasEnded { return nil }
                // The step that is over has printed what may be the beginning of a secret: it is that step's, and of no other run.
                let rest = state.withLock { $0.looked > 0 ? $0.redactor.release() : [] }
                if !rest.isEmpty { await give(rest) }
                wake { state in
                    for index in 0..<state.looked { state.waiters[index].rest = 0 }
                }
                try await pipe.change()
            }
        }
    }

    /// Wakes those who have nothing in front of them any more after `change`.
    private func wake(after change: (inout State) -> Void) {
        let ready = state.withLock { state in
            change(&state)
            let ready = state.waiters.filter { $0.rest <= 0 }.map(\.isIn)
            state.waiters.removeAll { $0.rest <= 0 }
            return ready
        }
        for isIn in ready { isIn.resume() }
    }
}
