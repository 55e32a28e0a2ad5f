import FlowEngine
import FlowModel
import Foundation
import Synchronization

/// What carries out the attempts of an engine under test: nothing but reports.
protocol Hands: AttemptDispatcher {
    func connect(_ engine: Engine?)
}

extension Hands {
    func proceed(_ id: AttemptID) {}
    func stop(_ id: AttemptID, force: Bool) {}
    func forget(_ id: AttemptID, target: FlowModel.Host?) {}
}

extension Engine {
    /// That the attempt of this order has succeeded.
    func reportSuccess(of order: AttemptOrder) {
        let result = AttemptResult(outcome: .succeeded(output: ["exitStatus": 0, "stdout": ""], changed: nil), exitStatus: 0)
        report(AttemptReport(id: order.id, fence: order.fence, event: .ended(result)))
    }
}

/// Reports success from the thread that dispatches.
final class InstantHands: Hands {
    private let engine = Mutex<Engine?>(nil)

    func connect(_ engine: Engine?) { self.engine.withLock { $0 = engine } }

    func dispatch(_ order: AttemptOrder) { engine.withLock { $0 }?.reportSuccess(of: order) }
}

/// Says where it will run, and that it succeeded when it is told to go on: two records for each step, as a real worker makes at least.
final class WordyHands: Hands {
    private let engine = Mutex<Engine?>(nil)
    private let orders = Mutex<[AttemptID: AttemptOrder]>([:])
    private let place = Place(bootID: "boot", spoolID: "spool")

    func connect(_ engine: Engine?) { self.engine.withLock { $0 = engine } }

    func dispatch(_ order: AttemptOrder) {
        orders.withLock { $0[order.id] = order }
        engine.withLock { $0 }?.report(AttemptReport(id: order.id, fence: order.fence, event: .placed(place)))
    }

    func proceed(_ id: AttemptID) {
        guard let order = orders.withLock({ $0.removeValue(forKey: id) }) else { return }
        engine.withLock { $0 }?.reportSuccess(of: order)
    }
}

/// Takes its time for every attempt, half as long to half as long again by chance, so that runs do not fall into step with each other; and notes how
/// long after the report of a step's end, and after the commit that followed it, the next one is dispatched.
final class PacedHands: Hands {
    private struct State {
        var engine: Engine?
        /// By the tick in which they end.
        var running: [Int: [AttemptOrder]] = [:]
        /// When the end of a run's last step was reported.
        var reportedAt: [RunID: Double] = [:]
        var fromReport: [Double] = []
        var fromCommit: [Double] = []
        var stamps: StampedStore?
        var isOver = false
    }

    private static let tickSeconds = 0.0001
    private let secondsPerStep: Double
    private let state = Mutex(State())

    init(secondsPerStep: Double) {
        self.secondsPerStep = secondsPerStep
        Thread.detachNewThread { [self] in
            var done = PacedHands.tick(clockSeconds(CLOCK_MONOTONIC))
            while reportDue(after: &done) { usleep(100) }
        }
    }

    func connect(_ engine: Engine?) {
        state.withLock {
            $0.engine = engine
            $0.isOver = engine == nil
        }
    }

    /// Whose commits count.
    func watch(_ stamps: StampedStore) { state.withLock { $0.stamps = stamps } }

    func dispatch(_ order: AttemptOrder) {
        let now = clockSeconds(CLOCK_MONOTONIC)
        let end = PacedHands.tick(now + secondsPerStep * Double.random(in: 0.5...1.5))
        state.withLock { state in
            if let at = state.reportedAt[order.id.run] {
                state.fromReport.append(now - at)
                if let stamps = state.stamps { state.fromCommit.append(now - stamps.committedAt) }
            }
            state.running[end, default: []].append(order)
        }
    }

    /// Seconds from the report of a step's end to the dispatch of the next one, sorted.
    var fromReport: [Double] { state.withLock { $0.fromReport }.sorted() }
    /// Seconds from the commit of a step's end to the dispatch of the next one, which was decided with it, sorted.
    var fromCommit: [Double] { state.withLock { $0.fromCommit }.sorted() }

    private static func tick(_ seconds: Double) -> Int { Int(seconds / tickSeconds) }

    private func reportDue(after done: inout Int) -> Bool {
        let now = clockSeconds(CLOCK_MONOTONIC)
        let ticks = done + 1...max(done + 1, PacedHands.tick(now))
        let (due, engine, isOver) = state.withLock { state -> ([AttemptOrder], Engine?, Bool) in
            let due = ticks.flatMap { state.running.removeValue(forKey: $0) ?? [] }
            for order in due { state.reportedAt[order.id.run] = now }
            return (due, state.engine, state.isOver)
        }
        done = ticks.upperBound
        for order in due { engine?.reportSuccess(of: order) }
        return !isOver
    }
}
