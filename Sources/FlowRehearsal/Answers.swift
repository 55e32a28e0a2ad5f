import FlowEngine
import FlowModel

/// A run of a rehearsal: that of the flow, or of one that it calls.
struct RehearsedRun {
    let id: RunID
    let flow: String
    /// What stands before the paths of its steps: the steps that called it.
    let prefix: String
    let nodes: [String: Node]

    func node(at path: StepPath) -> Node? { nodes[StepPattern.id(of: path)] }
}

/// How the world of a rehearsal answers: by the script, else well. Notes which rules of the script were of use.
struct Answers {
    private let script: RehearsalScript
    private let plans: [String: Plan]
    private var outputs: InventedOutputs
    private(set) var runs: [RunID: RehearsedRun] = [:]
    /// Attempts that are under way.
    private var orders: [AttemptID: AttemptOrder] = [:]
    private var probes: Set<AttemptID> = []
    private var levels: [RunID: [StepPath: Int]] = [:]
    private var used: Set<String> = []
    /// Remedies that were tried, each once at a step.
    private var tried: Set<Trial> = []

    private struct Trial: Hashable {
        var run: RunID
        var path: StepPath
        /// Its number in the script.
        var rule: Int
    }

    init(_ order: RehearsalOrder) {
        script = order.script
        plans = Dictionary(order.plan.withCalls.map { ($0.flow, $0) }, uniquingKeysWith: { first, _ in first })
        outputs = InventedOutputs(order.plan, order.script)
    }

    var invented: [(step: String, output: JSON)] { outputs.invented }

    /// What the script says and was of no use: as it was written.
    var unused: [String] {
        let rules =
            script.faults.map(\.source) + script.outputs.map(\.source) + script.verdicts.map(\.source) + script.seconds.map(\.source)
            + script.remedies.map(\.source) + script.unreachable.map { "--unreachable \($0)" } + script.signals.keys.sorted().map { "--signal \($0)" }
        return rules.filter { !used.contains($0) }
    }

    // MARK: - What the journal says

    /// Takes what was journaled, and gives what people and messages make of it.
    mutating func take(_ entries: [Entry], of run: RunID, at now: Instant) -> [(what: Agenda.Happening, due: Instant)] {
        var happenings: [(Agenda.Happening, Instant)] = []
        for entry in entries {
            switch entry {
            case .created(let created): add(run, created)
            case .leased(let ref, let lease):
                if lease.isProbe { probes.insert(AttemptID(run: run, step: ref.path, generation: 0, number: lease.number)) }
            case .approvalOpened(let ref, _, _, _):
                levels[run, default: [:]][ref.path] = 0
                happenings += vote(at: ref.path, of: run, now)
            case .gate(let ref, .escalated(let level, _)): levels[run]?[ref.path] = level
            case .gate(let ref, .voided): happenings += vote(at: ref.path, of: run, now)
            case .awaiting(let ref, let signal, _): happenings += message(signal, to: ref.path, of: run, now)
            default: break
            }
        }
        return happenings
    }

    private mutating func add(_ id: RunID, _ created: Created) {
        let caller = created.parent.map { (runs[$0.run]?.prefix ?? "") + "\($0.step.text) > " }
        let nodes = plans[created.flow]?.nodes ?? []
        runs[id] = RehearsedRun(
            id: id, flow: created.flow, prefix: caller ?? "", nodes: Dictionary(nodes.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first }))
    }

    private mutating func vote(at path: StepPath, of run: RunID, _ now: Instant) -> [(Agenda.Happening, Instant)] {
        let verdict = verdict(at: path)
        if verdict == .expire { return [] }
        return [(.vote(run, path, verdict), now + seconds(at: path, on: nil))]
    }

    private mutating func message(_ signal: String, to path: StepPath, of run: RunID, _ now: Instant) -> [(Agenda.Happening, Instant)] {
        if verdict(at: path) == .expire { return [] }
        return [(.message(run, path, signal: signal), now + seconds(at: path, on: nil))]
    }

    private mutating func verdict(at path: StepPath) -> RehearsalScript.Verdict {
        guard let rule = RehearsalScript.rule(script.verdicts, for: path) else { return .approve([:]) }
        used.insert(rule.source)
        return rule.value
    }

    private mutating func seconds(at path: StepPath, on host: String?) -> Double {
        guard let rule = RehearsalScript.rule(script.seconds, for: path, on: host) else { return RehearsalLimits.usualSeconds }
        used.insert(rule.source)
        return rule.value
    }

    // MARK: - Gates and messages

    func gate(at path: StepPath, of run: RunID) -> ApprovalSpec? {
        guard case .approval(let spec)? = runs[run]?.node(at: path)?.kind else { return nil }
        return spec
    }

    /// How often it was escalated.
    func level(at path: StepPath, of run: RunID) -> Int { levels[run]?[path] ?? 0 }

    mutating func message(_ signal: String, at path: StepPath, of run: RunID) -> JSON {
        if let given = script.signals[signal] {
            used.insert("--signal \(signal)")
            return given
        }
        return runs[run]?.node(at: path)?.output?.invented(as: signal) ?? .null
    }

    // MARK: - Attempts

    func order(_ id: AttemptID) -> AttemptOrder? { orders[id] }
    mutating func forget(_ id: AttemptID) { orders[id] = nil }

    /// Takes an attempt on. Its end, where it cannot begin, and after how many seconds.
    mutating func result(of order: AttemptOrder) -> (AttemptResult?, Double) {
        orders[order.id] = order
        guard let host = order.target?.name, script.unreachable.contains(host) else { return (nil, 0) }
        used.insert("--unreachable \(host)")
        let failure = AttemptResult.Failure(.unreachable, "\(host) cannot be reached")
        return (AttemptResult(outcome: .failed(failure)), RehearsalLimits.unreachableSeconds)
    }

    /// How an attempt that has begun ends, and after how many seconds.
    mutating func end(of order: AttemptOrder) -> (AttemptResult, Double) {
        let (path, host) = (order.id.step, order.target?.name)
        let seconds = seconds(at: path, on: host)
        let isProbe = probes.contains(AttemptID(run: order.id.run, step: path, generation: 0, number: order.id.number))
        guard !isProbe, let run = runs[order.id.run], let node = run.node(at: path), let work = node.work else {
            return (AttemptResult(outcome: .succeeded(output: .null, changed: true), exitStatus: 0), seconds)
        }
        let failure = failure(of: order)
        if let limit = work.ownSeconds ?? order.timeoutSeconds, seconds > limit || failure == .timeout {
            let outcome = work.rehearsedTimeOut(seconds: limit)
            var status: Int?
            if case .failed(let failure) = outcome, failure.cause == .exitStatus { status = work.rehearsedStatus }
            return (AttemptResult(outcome: outcome, exitStatus: status), limit)
        }
        switch failure {
        case .status(let given):
            let status = given ?? work.rehearsedStatus
            let failure = work.rehearsedFailure(status: status)
            // What gives up by itself does so then.
            let seconds = work.ownSeconds ?? seconds
            return (AttemptResult(outcome: .failed(failure), exitStatus: failure.cause == .exitStatus ? status : nil), seconds)
        case .timeout: return (AttemptResult(outcome: work.rehearsedTimeOut(seconds: seconds)), seconds)
        case .lost: return (AttemptResult(outcome: .lost("\(host ?? "this machine") was rebooted in the middle")), seconds)
        case nil:
            let (output, rule) = outputs.output(of: node, work, at: path, on: host, in: run.flow)
            if let rule { used.insert(rule.source) }
            let outcome = AttemptResult.Outcome.succeeded(output: output, changed: output["changed"]?.boolValue)
            return (AttemptResult(outcome: outcome, exitStatus: output["exitStatus"]?.intValue), seconds)
        }
    }

    private mutating func failure(of order: AttemptOrder) -> RehearsalScript.Failure? {
        let rule = script.faults.last { rule in
            rule.steps.matches(order.id.step, on: order.target?.name) && rule.value.times.map { order.id.number <= $0 } ?? true
        }
        guard let rule else { return nil }
        used.insert(rule.source)
        return rule.value.failure
    }

    // MARK: - Remedies

    /// What a person does with a step that waits for one, if the script says so and it was not tried before.
    mutating func remedy(for row: StepRow) -> RunCommand? {
        for (number, rule) in script.remedies.enumerated() where rule.steps.matches(row.path, on: row.attempt?.target) {
            guard tried.insert(Trial(run: row.run, path: row.path, rule: number)).inserted else { continue }
            used.insert(rule.source)
            switch rule.value {
            // What a person does with a rollout that is held: `flowctl retry RUN`.
            case .retry: return isRollout(row) ? .retry(from: nil) : .resolve(row.path, .retry)
            case .skip: return .skip(row.path)
            case .succeeded: return .resolve(row.path, .succeeded(output: given(for: row)))
            case .failed: return .resolve(row.path, .failed)
            case .release: return .release(row.path)
            case .undo: return .undo(row.path)
            }
        }
        return nil
    }

    private func isRollout(_ row: StepRow) -> Bool {
        if case .rollout? = runs[row.run]?.node(at: row.path)?.kind { true } else { false }
    }

    /// What the person says of its output: what the script gives, else what is made up where something is declared.
    private func given(for row: StepRow) -> JSON? {
        guard let node = runs[row.run]?.node(at: row.path), let work = node.work else { return nil }
        if let rule = RehearsalScript.rule(script.outputs, for: row.path, on: row.attempt?.target) { return rule.value }
        return work.givenShape(declared: node.output)?.invented(as: node.name)
    }
}
