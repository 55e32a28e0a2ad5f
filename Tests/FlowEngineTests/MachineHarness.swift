import FlowEngine
import FlowModel
import Testing

/// Drives the machine by hand: one run, a clock that only moves when told, orders and actions for the test to look at.
struct MachineHarness {
    var run: Run
    var now = Instant(milliseconds: 1_000_000)
    var epoch = 1
    var isRestored = false
    /// What keeps everything from beginning.
    var closure: ChangeClosure?
    /// It keeps only what touches this host; nil: everything.
    var closedHost: String?
    /// Who is who now; nil: nobody keeps accounts.
    var people: People?
    var actions: [RunMachine.Action] = []
    var entries: [Entry] = []

    static let digest = Digest(bytes: [UInt8](repeating: 7, count: 32))
    static let alice = Actor(person: "alice", user: "alice", names: ["alice"], roles: ["operator"])
    static let bob = Actor(person: "bob", user: "bob", names: ["bob"], roles: ["release-manager"])
    static let carol = Actor(person: "carol", user: "carol", names: ["carol"], roles: ["release-manager"])

    init(
        _ nodes: [Node], targets: [String: [Host]] = [:], inputs: [String: JSON] = [:], control: FlowControl? = nil,
        closedBy closure: ChangeClosure? = nil, binary: Digest = digest, calls: [CalledFlow]? = nil,
        shapedSince: Instant? = nil, parameters: [Parameter] = [], parent: CallID? = nil, isUngated: Bool? = nil
    ) throws {
        self.closure = closure
        let created = Created(
            flow: "test", revision: Self.digest, plan: Self.digest, binary: binary, inputs: inputs, targets: targets,
            labels: [:], key: nil, user: "alice", person: "alice", parent: parent, isUngated: isUngated, shapedSince: shapedSince)
        let id = RunID(at: now, random: [UInt8](repeating: 3, count: 10))
        let index = PlanIndex(Plan(flow: "test", parameters: parameters, nodes: nodes, dsl: "0", control: control, calls: calls))
        guard let run = Run(id: id, first: .created(created), at: now, index: index) else { preconditionFailure() }
        self.run = run
        try take(.begin)
    }

    /// The steps, and after the last of them a call of a flow of one step.
    init(_ nodes: [Node], calling id: String) throws {
        let call = Node(id: id, name: id, kind: .call(CallSpec(flow: "inner", inputs: [:])), needs: nodes.last.map { [$0.id] } ?? [])
        try self.init(nodes + [call], calls: [CalledFlow(plan: Plan(flow: "inner", nodes: [shell("build")], dsl: "0"))])
    }

    var undoOutcome: UndoOutcome { run.undoOutcome { _ in Self.digest } }

    /// - Parameter fired: the time of the timer that fires, by a clock that nobody sets.
    mutating func take(_ event: RunMachine.Event, fired: Instant? = nil) throws(FlowError) {
        let (closure, closedHost) = (closure, closedHost)
        let context = RunMachine.Context(
            now: now, epoch: epoch, chance: 0, isRestored: isRestored,
            closure: { subject in closedHost.map(subject.hosts.contains) ?? true ? closure : nil }, people: people, fired: fired,
            hash: { bytes in Digest(bytes: (0..<32).map { UInt8(truncatingIfNeeded: bytes.reduce($0) { $0 &* 31 &+ Int($1) } >> 3) }) })
        let decision = try RunMachine.decide(event, on: &run, in: context)
        actions = decision.actions
        entries += decision.entries
    }

    mutating func command(_ command: RunCommand, by actor: Actor = MachineHarness.alice) throws(FlowError) {
        try take(.command(command, by: actor, message: nil))
    }

    mutating func pass(seconds: Double) throws {
        now = now + seconds
        for step in run.steps where step.due.map({ $0 <= now }) ?? false { try take(.timer(step.path)) }
    }

    /// Reports on the newest attempt of a step.
    mutating func report(_ path: String, _ event: AttemptReport.Event) throws {
        let step = self[path]
        guard let attempt = step.attempt else { preconditionFailure("'\(path)' has no attempt") }
        let id = AttemptID(run: run.id, step: step.path, generation: step.generation, number: attempt.row.number)
        try take(.report(AttemptReport(id: id, fence: attempt.fence, event: event)))
    }

    mutating func succeed(_ path: String, _ output: JSON = ["exitStatus": 0, "stdout": "", "changed": true]) throws {
        try report(path, .ended(AttemptResult(outcome: .succeeded(output: output, changed: true), exitStatus: 0)))
    }

    mutating func fail(_ path: String, exitStatus: Int = 1) throws {
        let failure = AttemptResult.Failure(.exitStatus, "exit status \(exitStatus)")
        try report(path, .ended(AttemptResult(outcome: .failed(failure), exitStatus: exitStatus)))
    }

    subscript(path: String) -> Step {
        guard let number = run.positions[StepPath(path)] else { preconditionFailure("no step '\(path)'") }
        return run.steps[number]
    }

    subscript(path: String, orNil _: Bool) -> Step? { run.positions[StepPath(path)].map { run.steps[$0] } }

    func states() -> [String: StepState] {
        Dictionary(uniqueKeysWithValues: run.steps.map { ($0.path.text, $0.state) })
    }

    /// The paths that the last event handed out.
    var dispatched: [String] {
        actions.compactMap { if case .dispatch(let order) = $0 { order.id.step.text } else { nil } }
    }
}

/// Nodes in few words.
func shell(_ id: String, needs: [String] = [], scope: String? = nil, isFinally: Bool = false, policy: Policy = Policy()) -> Node {
    let name = id.split(separator: "/").last.map(String.init) ?? id
    return Node(
        id: id, name: name, scope: scope, isFinally: isFinally, kind: .shell(ShellSpec(source: .text("true"))), needs: needs,
        policy: policy)
}

func map(_ id: String, over elements: [JSON], width: Int, needs: [String] = []) -> Node {
    Node(id: id, name: id, kind: .map(MapSpec(elements: .list(.literal(.array(elements))), width: width)), needs: needs)
}

func approval(_ id: String, _ rules: [ApprovalRule], needs: [String] = [], deadline: Double? = nil) -> Node {
    Node(
        id: id, name: id, kind: .approval(ApprovalSpec(prompt: .literal("go?"), rules: rules, deadlineSeconds: deadline)),
        needs: needs)
}

/// The journal, written and read again, folds to the run.
func expectRefold(_ machine: MachineHarness, sourceLocation: Testing.SourceLocation = #_sourceLocation) {
    let bytes = Entry.encode(machine.entries) { _ in MachineHarness.digest }
    guard let entries = try? Entry.decode(bytes, fetch: { _ in nil }), entries == machine.entries,
        var again = Run(id: machine.run.id, first: .created(machine.run.created), at: machine.run.createdAt, index: machine.run.index)
    else {
        Issue.record("the journal cannot be read", sourceLocation: sourceLocation)
        return
    }
    for entry in entries { again.apply(entry, at: machine.now) }
    #expect(again.undo == machine.run.undo && again.stepUndos == machine.run.stepUndos, sourceLocation: sourceLocation)
    #expect(again.steps.map(\.state) == machine.run.steps.map(\.state), sourceLocation: sourceLocation)
    #expect(again.scopes == machine.run.scopes && again.counts == machine.run.counts, sourceLocation: sourceLocation)
}
