import FlowCrypto
import FlowEngine
import FlowModel
import Synchronization

/// Clock and chance of a rehearsal: the clock stands until it is set, and what is random is a number that counts up.
final class VirtualWorld: Sendable {
    private struct State {
        var now: Instant
        var drawn: UInt64 = 0
        var trouble: String?
    }

    private let state: Mutex<State>

    init(now: Instant) { state = Mutex(State(now: now)) }

    var now: Instant {
        get { state.withLock { $0.now } }
        set { state.withLock { $0.now = newValue } }
    }

    /// What the engine logged as an error, first: a rehearsal has no business with any.
    var trouble: String? { state.withLock { $0.trouble } }

    private func note(_ message: String) { state.withLock { $0.trouble = $0.trouble ?? message } }

    /// Ids must differ.
    private func random(_ count: Int) -> [UInt8] {
        let number = state.withLock { state in
            state.drawn += 1
            return state.drawn
        }
        return (0..<count).map { UInt8(truncatingIfNeeded: $0 < 8 ? number >> UInt64($0 * 8) : 0) }
    }

    func environment(for hands: InventedHands) -> EngineEnvironment {
        var environment = EngineEnvironment(
            now: { self.now }, random: random, hash: { Digest(of: $0) }, call: { hands.note(.call($0)) }, fatal: note,
            log: { level, message in if level == .error { self.note(message) } })
        environment.itemsAtOnce = 1
        environment.findHosts = { hands.note(.search($0)) }
        return environment
    }
}
