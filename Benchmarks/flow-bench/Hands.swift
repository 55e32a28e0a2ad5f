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

/// Takes the same time for every attempt, and notes how long after the report of a step's end the next one is dispatched.
final class PacedHands: Hands {
    private struct State {
        var engine: Engine?
        /// In order of their ends, since all take as long.
        var running: [(order: AttemptOrder, end: Double)] = []
        var first = 0
        /// When the end of a run's last step was reported.
        var reportedAt: [RunID: Double] = [:]
        var reactions: [Double] = []
        var isOver = false
    }

    private let secondsPerStep: Double
    private let state = Mutex(State())

    init(secondsPerStep: Double) {
        self.secondsPerStep = secondsPerStep
        Thread.detachNewThread { [self] in while reportDue() { usleep(100) } }
    }

    func connect(_ engine: Engine?) {
        state.withLock {
            $0.engine = engine
            $0.isOver = engine == nil
        }
    }

    func dispatch(_ order: AttemptOrder) {
        let now = clockSeconds(CLOCK_MONOTONIC)
        state.withLock { state in
            if let at = state.reportedAt[order.id.run] { state.reactions.append(now - at) }
            state.running.append((order, now + secondsPerStep))
        }
    }

    /// Seconds from the report of a step's end to the dispatch of the next one, sorted.
    var reactions: [Double] { state.withLock { $0.reactions }.sorted() }

    private func reportDue() -> Bool {
        let now = clockSeconds(CLOCK_MONOTONIC)
        let (due, engine, isOver) = state.withLock { state -> ([AttemptOrder], Engine?, Bool) in
            var due: [AttemptOrder] = []
            while state.first < state.running.count, state.running[state.first].end <= now {
                let order = state.running[state.first].order
                due.append(order)
                state.reportedAt[order.id.run] = now
                state.first += 1
            }
            if state.first > 10_000 {
                state.running.removeFirst(state.first)
                state.first = 0
            }
            return (due, state.engine, state.isOver)
        }
        for order in due { engine?.reportSuccess(of: order) }
        return !isOver
    }
}
