internal import FlowCrypto
package import FlowEngine
package import FlowModel
internal import Synchronization

/// Clock and chance that only move when told, across the engines of one story: the same script gives the same journal, byte for byte.
package final class ManualWorld: Sendable {
    private struct State {
        var now: Instant
        var random: SeededRandom
        var lost: String?
        var answers: [Answer] = []
    }

    /// What a command was answered with: the run, and how far its journal went.
    package struct Answer: Hashable, Sendable {
        package var run: RunID
        package var head: JournalHead?
    }

    private let state: Mutex<State>

    package init(seed: UInt64 = 1, now: Instant = Instant(milliseconds: 1_770_000_000_000)) {
        state = Mutex(State(now: now, random: SeededRandom(seed: seed)))
    }

    package var now: Instant { state.withLock { $0.now } }
    /// Why the engine said that it must end, if it did.
    package var lost: String? { state.withLock { $0.lost } }

    /// All that was acknowledged.
    package var answers: [Answer] { state.withLock { $0.answers } }
    func note(_ answer: Answer) { state.withLock { $0.answers.append(answer) } }

    package func pass(seconds: Double) { state.withLock { $0.now = $0.now + seconds } }

    package var environment: EngineEnvironment {
        EngineEnvironment(
            now: { self.now },
            random: { count in self.state.withLock { state in (0..<count).map { _ in UInt8(state.random.int(0...255)) } } },
            hash: { Digest(of: $0) },
            closure: { subject, _ in
                guard subject.flow == EveryTransition.frozenFlow else { return nil }
                return ChangeClosure(kind: .freeze, rule: "year-end", reason: "the books are closed", until: nil)
            }, fatal: { reason in self.state.withLock { $0.lost = $0.lost ?? reason } })
    }
}
