import FlowEngine
import FlowModel

// Freezes that come and go, and what must hold of them.
extension RunSimulation {
    /// The first seconds of every hundred are frozen, and everything while somebody froze it by hand.
    static func closure(at now: Int, _ options: Options, isFrozen: Bool) -> ChangeClosure? {
        if isFrozen { return ChangeClosure(kind: .freeze, rule: "by-hand", reason: "somebody said so") }
        guard now < options.faultsUntil, now % 100 < options.frozenSeconds else { return nil }
        let until = Instant(milliseconds: Int64(now / 100 * 100 + options.frozenSeconds) * 1_000)
        return ChangeClosure(kind: .window, rule: "hourly", reason: "not now", until: until)
    }

    mutating func freeze(_ isFrozen: Bool) throws(Violation) {
        self.isFrozen = isFrozen
        try decide(.gates)
    }

    /// The run's own gate looks again when its time is over.
    mutating func passTime(to moment: Int) throws(Violation) -> Bool {
        now = max(now, moment)
        let before = run.gate
        try decide(.timer(Run.gatePath))
        if let before, run.gate == before { throw violation("the timer of the run's gate fires for ever") }
        return true
    }

    /// Nothing begins before a closed gate, and only a second person with the role for it passes one.
    func checkGates(after event: RunMachine.Event, _ before: Run) throws(Violation) {
        let entries = decided
        var isBroken = false
        for case .commanded(let command) in entries where command.verb == "break-glass" {
            guard command.person != "alice", command.message != nil else { throw violation("\(command.person) broke the glass") }
            isBroken = true
        }
        guard !isBroken else { return }
        let closure = Self.closure(at: now, options, isFrozen: isFrozen)
        for case .rollout(let step, .batchBegan(let batch)) in entries {
            guard closure == nil || before.rollouts[step.index]?.passedBatch == batch else {
                throw violation("batch \(batch) of '\(step.path)' began in a freeze, after \(event)")
            }
        }
        if before.gate != nil, run.gate == nil, run.bodyOutcome == nil, closure != nil {
            throw violation("the run's gate opened in a freeze, after \(event)")
        }
        if run.gate != nil, entries.contains(where: { if case .leased = $0 { true } else { false } }) {
            throw violation("a step was handed out before the run's gate, after \(event)")
        }
    }
}
