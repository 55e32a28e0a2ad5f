import FlowEngine
import FlowInventory
import FlowModel

/// A run of a rehearsal: that of the flow, or of one that it calls.
struct RehearsedRun {
    let id: RunID
    let flow: String
    /// The steps that called it, outermost first.
    let callers: [StepPath]
    let nodes: [String: Node]
    /// What stands before the paths of its steps.
    var prefix: String { StepPlace.prefix(callers) }

    func node(at path: StepPath) -> Node? { nodes[StepPattern.id(of: path)] }
    func place(of path: StepPath, on host: String? = nil) -> StepPlace { StepPlace(path, calledBy: callers, on: host) }
}

/// How the world of a rehearsal answers: by the script, else well. Notes which rules of the script were of use.
struct Answers {
    private let script: RehearsalScript
    private let plans: [String: Plan]
    /// Hosts that cannot be reached.
    private let silent: [Host]
    private var outputs: InventedOutputs
    private(set) var runs: [RunID: RehearsedRun] = [:]
    /// Attempts that are under way.
    private var orders: [AttemptID: AttemptOrder] = [:]
    private var probes: Set<AttemptID> = []
    private var levels: [RunID: [StepPath: Int]] = [:]
    private var used: Set<String> = []
    /// Gates whose fields no value was made up for.
    private var unanswered: [RunID: [StepPath: [FlowError.Detail]]] = [:]
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
        silent = script.unreachable.compactMap { order.inventory.host(named: $0) }
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
        let callers = created.parent.map { (runs[$0.run]?.callers ?? []) + [$0.step] } ?? []
        let nodes = plans[created.flow]?.nodes ?? []
        runs[id] = RehearsedRun(
            id: id, flow: created.flow, callers: callers, nodes: Dictionary(nodes.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first }))
    }

    private mutating func vote(at path: StepPath, of run: RunID, _ now: Instant) -> [(Agenda.Happening, Instant)] {
        let place = place(of: path, in: run)
        let verdict = verdict(at: place)
        if verdict == .expire { return [] }
        return [(.vote(run, path, verdict), now + seconds(at: place))]
    }

    private mutating func message(_ signal: String, to path: StepPath, of run: RunID, _ now: Instant) -> [(Agenda.Happening, Instant)] {
        let place = place(of: path, in: run)
        if verdict(at: place) == .expire { return [] }
        return [(.message(run, path, signal: signal), now + seconds(at: place))]
    }

    private func place(of path: StepPath, in run: RunID, on host: String? = nil) -> StepPlace {
        runs[run]?.place(of: path, on: host) ?? StepPlace(path, on: host)
    }

    private mutating func verdict(at place: StepPlace) -> RehearsalScript.Verdict {
        guard let rule = RehearsalScript.rule(script.verdicts, at: place) else { return .approve([:]) }
        used.insert(rule.source)
        return rule.value
    }

    private mutating func seconds(at place: StepPlace) -> Double {
        guard let rule = RehearsalScript.rule(script.seconds, at: place) else { return RehearsalLimits.usualSeconds }
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

    /// Answers to the fields of a gate that is approved; nil where none was said and none could be made up, which is remembered.
    mutating func fields(_ given: [String: JSON], of spec: ApprovalSpec, at path: StepPath, of run: RunID) -> [String: JSON]? {
        let answers = spec.rehearsedAnswers(given)
        do throws(FlowError) {
            _ = try InputValidation.answers(spec.fields, given: answers, to: path.text)
            return answers
        } catch {
            unanswered[run, default: [:]][path] = error.errors
            return nil
        }
    }

    /// What a person, or an option, does about a step that waits, or nothing.
    func advice(on row: StepRow) -> String {
        let place = place(of: row.path, in: row.run, on: row.attempt?.target)
        if row.state == .held || row.state == .unknown {
            let remedies = runs[row.run]?.node(at: row.path).map { node in
                node.remedies(isUndone: runs[row.run]?.nodes.values.contains { $0.scope == node.id && $0.part == .undo } ?? false)
            }
            let words = (remedies ?? []).map { "=\($0.rawValue)" }
            return words.isEmpty ? "" : "What a person then does: --decide '\(place)\(words[0])'" + words.dropFirst().map { ", \($0)" }.joined()
        }
        if let fields = unanswered[row.run]?[row.path], !fields.isEmpty {
            let members = fields.map { "\(JSON.string($0.subject).canonical): …" }.joined(separator: ", ")
            return "Say what its fields are: --approve '\(place)={\(members)}'"
        }
        guard RehearsalScript.rule(script.verdicts, at: place)?.value == .expire else { return "" }
        switch row.waiting?.kind {
        case .approval: return "Leave out --expire, or give the gate a deadline"
        case .signal: return "Leave out --expire, or give the step a time-out"
        default: return ""
        }
    }

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
        let place = place(of: path, in: order.id.run, on: host)
        let seconds = seconds(at: place)
        let isProbe = probes.contains(AttemptID(run: order.id.run, step: path, generation: 0, number: order.id.number))
        guard !isProbe, let run = runs[order.id.run], let node = run.node(at: path), let work = node.work else {
            return (AttemptResult(outcome: .succeeded(output: .null, changed: true), exitStatus: 0), seconds)
        }
        let limit = work.ownSeconds ?? order.timeoutSeconds
        if let peer = silentPeer(of: order), let outcome = work.rehearsedSilence(of: peer) {
            let after = work.ownSeconds ?? RehearsalLimits.unreachableSeconds
            return (work.rehearsedResult(outcome), min(after, limit ?? after))
        }
        let failure = failure(of: order, at: place)
        if let limit, seconds > limit || failure == .timeout {
            return (work.rehearsedResult(work.rehearsedTimeOut(seconds: limit)), limit)
        }
        switch failure {
        case .status(let given):
            let status = given ?? work.rehearsedStatus
            // What gives up by itself does so then.
            return (work.rehearsedResult(.failed(work.rehearsedFailure(status: status)), status: status), work.ownSeconds ?? seconds)
        case .timeout: return (AttemptResult(outcome: work.rehearsedTimeOut(seconds: seconds)), seconds)
        case .lost: return (AttemptResult(outcome: .lost("\(host ?? "this machine") was rebooted in the middle")), seconds)
        case nil:
            let (output, rule) = outputs.output(of: node, work, at: place, in: run.flow)
            if let rule { used.insert(rule.source) }
            let outcome = AttemptResult.Outcome.succeeded(output: output, changed: work.rehearsedChange(output))
            return (AttemptResult(outcome: outcome, exitStatus: output["exitStatus"]?.intValue), seconds)
        }
    }

    /// The name of a host that cannot be reached and that the attempt asks.
    private mutating func silentPeer(of order: AttemptOrder) -> String? {
        guard let peer = order.work.peer.map({ Host.bare($0).lowercased() }) else { return nil }
        guard let host = silent.first(where: { [$0.name, Host.bare($0.address)].contains { $0.lowercased() == peer } }) else { return nil }
        used.insert("--unreachable \(host.name)")
        return host.name
    }

    private mutating func failure(of order: AttemptOrder, at place: StepPlace) -> RehearsalScript.Failure? {
        let rule = script.faults.last { rule in rule.steps.matches(place) && rule.value.times.map { order.id.number <= $0 } ?? true }
        guard let rule else { return nil }
        used.insert(rule.source)
        return rule.value.failure
    }

    // MARK: - Remedies

    /// What a person does with a step that waits for one, and types for it, if the script says so and it was not tried before.
    mutating func remedy(for row: StepRow) -> (command: RunCommand, words: String)? {
        let place = place(of: row.path, in: row.run, on: row.attempt?.target)
        for (number, rule) in script.remedies.enumerated() where rule.steps.matches(place) {
            guard tried.insert(Trial(run: row.run, path: row.path, rule: number)).inserted else { continue }
            used.insert(rule.source)
            let output = rule.value == .succeeded ? given(for: row, at: place) : nil
            return (command(rule.value, row.path, output), rule.value.command(for: row.path, output: output))
        }
        return nil
    }

    private func command(_ remedy: RehearsalScript.Remedy, _ path: StepPath, _ output: JSON?) -> RunCommand {
        switch remedy {
        case .retry: .resolve(path, .retry)
        case .skip: .skip(path)
        case .succeeded: .resolve(path, .succeeded(output: output))
        case .failed: .resolve(path, .failed)
        case .release: .release(path)
        case .undo: .undo(path)
        }
    }

    /// What the person says of its output: what the script gives, else what is made up where something is declared.
    private mutating func given(for row: StepRow, at place: StepPlace) -> JSON? {
        guard let run = runs[row.run], let node = run.node(at: row.path), let work = node.work else { return nil }
        guard let (output, rule) = outputs.resolution(of: node, work, at: place, in: run.flow) else { return nil }
        if let rule { used.insert(rule.source) }
        return output
    }
}

extension WorkSpec {
    /// - Parameter status: the one that it failed with.
    fileprivate func rehearsedResult(_ outcome: AttemptResult.Outcome, status: Int? = nil) -> AttemptResult {
        guard case .failed(let failure) = outcome, failure.cause == .exitStatus else { return AttemptResult(outcome: outcome) }
        return AttemptResult(outcome: outcome, exitStatus: status ?? rehearsedStatus)
    }
}
