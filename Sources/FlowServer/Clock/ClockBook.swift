package import FlowModel
package import FlowStoreSQLite
import FlowWire
package import Logging
import Synchronization

/// Looks at the clocks, and keeps what was noticed: in memory for who asks, in the database for the engine after this one, on the audit trail
/// for people.
package final class ClockBook: Sendable {
    /// Jumps that are remembered while the engine lives.
    private static let kept = 20
    /// A clock that is set all the time does not fill the trail.
    private static let noteSeconds: Int64 = 60
    private static let saveSeconds: Int64 = 3_600

    private struct State {
        var trust: ClockTrust
        var jumps: [ClockTrust.Jump] = []
        var notedAt: Int64?
        var savedAt: Int64?
        var savedDoubt: Instant?
    }

    private let clocks: Clocks
    private let store: SQLiteStore
    private let logger: Logger
    private let state: Mutex<State>

    package init(store: SQLiteStore, clocks: Clocks, logger: Logger) async throws {
        self.clocks = clocks
        self.store = store
        self.logger = logger
        let (seen, doubted) = try await store.clock()
        state = Mutex(State(trust: ClockTrust(wall: clocks.wall(), elapsed: clocks.elapsed(), seen: seen, doubted: doubted), savedDoubt: doubted))
        _ = try await look()
    }

    /// Looks at the clocks. Returns whether somebody has set the one on the wall.
    package func look() async throws -> Bool {
        let (wall, elapsed) = (clocks.wall(), clocks.elapsed())
        let (jump, before, trust) = state.withLock { state in
            let before = state.trust.doubted
            let jump = state.trust.look(wall: wall, elapsed: elapsed)
            if let jump { state.jumps = (state.jumps + [jump]).suffix(ClockBook.kept) }
            return (jump, before, state.trust)
        }
        if before == nil, let doubted = trust.doubted {
            logger.warning(
                "the clock is not believed: nothing is deleted by it until it has stood for a day",
                metadata: ["shows": "\(doubted)", "lastBelieved": "\(trust.believed)"])
        }
        if let jump { try await note(jump, elapsed) }
        try await save(trust, elapsed)
        return jump != nil
    }

    private func note(_ jump: ClockTrust.Jump, _ elapsed: Int64) async throws {
        logger.warning("the clock was set", metadata: ["from": "\(jump.from)", "to": "\(jump.to)"])
        let isDue = state.withLock { state in
            guard state.notedAt.map({ elapsed - $0 >= ClockBook.noteSeconds * 1_000 }) ?? true else { return false }
            state.notedAt = elapsed
            return true
        }
        guard isDue else { return }
        try await Audit(store).append(
            AuditEntry(
                at: jump.to, actor: Actor.engine.user, verb: "clock.set", subject: "clock",
                detail: ["from": .string(jump.from.description), "to": .string(jump.to.description)]))
    }

    private func save(_ trust: ClockTrust, _ elapsed: Int64) async throws {
        let isDue = state.withLock { state in
            let isDue = state.savedAt.map { elapsed - $0 >= ClockBook.saveSeconds * 1_000 } ?? true || state.savedDoubt != trust.doubted
            if isDue { (state.savedAt, state.savedDoubt) = (elapsed, trust.doubted) }
            return isDue
        }
        if isDue { try await store.noteClock(seen: trust.believed, doubted: trust.doubted) }
    }

    // MARK: - Who asks

    /// Why nothing is deleted by age; nil when the clock is believed.
    package var doubt: String? {
        state.withLock { state in
            state.trust.doubted.map {
                "the clock showed \($0) when it was last believed to be about \(state.trust.believed)"
            }
        }
    }

    /// The jump that passed over this moment, in words.
    package func jump(over moment: Instant) -> String? {
        let jump = state.withLock { $0.jumps.last { $0.from < moment && moment <= $0.to } }
        return jump.map { "the clock was set from \($0.from) to \($0.to)" }
    }

    func findings() -> [Wire.Finding] {
        let jumps = state.withLock { $0.jumps }
        if let doubt {
            return [
                Wire.Finding(
                    name: "clock", level: .fail, message: "\(doubt): retention is held",
                    hint: "Set the clock right. If it is right, retention goes on by itself a day after that moment.")
            ]
        }
        guard let last = jumps.last else { return [Wire.Finding(name: "clock", level: .ok, message: "nobody has set it while the engine lives")] }
        let words = "it was set \(jumps.count == 1 ? "once" : "\(jumps.count) times") while the engine lives, last from \(last.from) to \(last.to)"
        return [Wire.Finding(name: "clock", level: .warn, message: words, hint: "Stretches of time went on; see flowctl schedule missed NAME.")]
    }
}
