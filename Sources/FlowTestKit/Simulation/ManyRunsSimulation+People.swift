import FlowEngine
import FlowModel

// What people try with runs, called or not, and what they do when nothing moves.
extension ManyRunsSimulation {
    private static let actor = Actor(person: "bob", user: "bob", names: ["bob"], roles: ["admin"])

    mutating func disturb() throws(Violation) {
        if random.chance(0.15) { return try callAgain() }
        let run = random.pick(sortedRuns)
        let path = random.pick(run.steps.map(\.path))
        let waiting = run.steps.filter { $0.waiting != nil }.map(\.path).randomElement(using: &random) ?? path
        let commands: [RunCommand] = [
            .pause, .pause, .resume, .reprioritise(random.int(0...9)), random.chance(0.5) ? .cancel : .kill, .retry(from: nil), .retry(from: path),
            .undo(nil), .undo(path), .skip(waiting), .resolve(waiting, .retry),
        ]
        if random.chance(0.3) { try crash() } else { try command(random.pick(commands), on: run.id) }
    }

    /// A step calls anew while what it called before is still being made, or is taken up again by itself.
    private mutating func callAgain() throws(Violation) {
        if let request = requests.randomElement(using: &random) {
            try command(.skip(request.id.step), on: request.id.run)
            try command(.retry(from: request.id.step), on: request.id.run)
        }
        let ended = sortedRuns.filter { $0.created.parent != nil && $0.state.isTerminal }
        guard let child = ended.randomElement(using: &random), let call = child.created.parent, let first = child.steps.first else { return }
        try command(.retry(from: call.step), on: call.run)
        try command(.retry(from: first.path), on: child.id)
    }

    @discardableResult
    private mutating func command(_ command: RunCommand, on id: RunID) throws(Violation) -> Bool {
        try happen(.command(command, by: Self.actor, message: nil), on: id)
    }

    /// A person decides what only a person can.
    mutating func help() throws(Violation) {
        for run in sortedRuns where !run.state.isTerminal {
            if run.isPaused { return _ = try command(.resume, on: run.id) }
            for step in run.steps where step.waiting != nil { if try help(step, of: run) { return } }
        }
        throw violation("nothing is under way and nobody can help: \(summary)")
    }

    /// False when it waits for something that comes without people.
    private mutating func help(_ step: Step, of run: Run) throws(Violation) -> Bool {
        switch (step.state, step.waiting?.kind) {
        case (.waiting, .approval):
            for voter in RandomGate.everybody {
                guard let approval = runs[run.id]?.steps[run.positions[step.path] ?? 0].approval, approval.state == .open else { return true }
                try happen(.command(.vote(step.path, .approved, digest: approval.digest), by: voter, message: nil), on: run.id)
            }
            guard runs[run.id]?.steps[run.positions[step.path] ?? 0].approval?.state == .open else { return true }
            return try command(run.bodyOutcome == nil ? .cancel : .kill, on: run.id)
        case (.held, _), (.unknown, _):
            let mustFail = run.cancellation != nil || step.approval != nil
            // What holds an approval is not said to have succeeded.
            if !mustFail, random.chance(0.5), try command(.resolve(step.path, .succeeded(output: nil)), on: run.id) { return true }
            return try command(.resolve(step.path, .failed), on: run.id)
        case (.waiting, .signal):
            guard case .waitFor(let spec) = run.plan.nodes[step.node].kind else { return false }
            return try command(.signal(spec.signal, .null), on: run.id)
        default: return false
        }
    }
}
