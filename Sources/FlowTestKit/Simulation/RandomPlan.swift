import FlowModel

/// Makes plans of every shape that the machine knows.
struct RandomPlan {
    var random: SeededRandom
    var nodes: [Node] = []
    private var next = 0
    /// How often a step says how it is undone.
    let undoRate: Double
    let flow: String
    /// nil when there is but one run, which claims nothing and calls nobody.
    let sharing: Sharing?
    var calls: [CalledFlow] = []

    static func make(using random: SeededRandom, size: Int, flow: String = "simulated", sharing: Sharing? = nil) -> Plan {
        var maker = RandomPlan(random: random, flow: flow, sharing: sharing)
        maker.addSteps(size, Place(), depth: 0)
        if maker.random.chance(0.4) { maker.addSteps(maker.random.int(1...2), Place(isFinally: true), depth: maker.random.int(0...1)) }
        let control = maker.control()
        return Plan(flow: flow, nodes: maker.nodes, dsl: "0", control: control, calls: maker.calls.isEmpty ? nil : maker.calls)
    }

    private init(random: SeededRandom, flow: String, sharing: Sharing?) {
        (self.random, self.flow, self.sharing) = (random, flow, sharing)
        undoRate = self.random.pick([0, 0.3, 0.8])
    }

    /// Where steps stand.
    struct Place {
        var scope: String?
        var part = Node.Part.body
        /// The target of the rollout round them.
        var host: Expression?
        var isFinally = false
        /// They may say how they are undone: nothing round them says it for them, and they undo nothing themselves.
        var mayBeUndone = true
        var depth = 0

        /// In the step with this id.
        func inside(_ id: String, _ part: Node.Part = .body, host: Expression? = nil) -> Place {
            var place = self
            (place.scope, place.part) = (id, part)
            if let host { place.host = host }
            if part != .body { place.mayBeUndone = false }
            return place
        }
    }

    mutating func addSteps(_ count: Int, _ place: Place, depth: Int) {
        var place = place
        place.depth = depth
        var here: [Node] = []
        for _ in 0..<count {
            next += 1
            let name = "s\(next)"
            let id = place.scope.map { "\($0)/\(place.part.prefix)\(name)" } ?? name
            var needs: Set<String> = []
            for earlier in here.suffix(4) where random.chance(0.45) { needs.insert(earlier.id) }
            var guards: [BranchGuard] = []
            if let choice = here.last(where: { if case .choice = $0.kind { true } else { false } }), random.chance(0.5) {
                guards = [BranchGuard(choice: choice.id, answer: random.chance(0.5))]
                needs.insert(choice.id)
            }
            let kind = kind(id, here: here, place)
            kind.reads.forEach { needs.insert($0) }
            var policy = policy()
            addClaims(to: &policy, of: kind.kind)
            let node = Node(
                id: id, name: name, scope: place.scope, part: place.part, isFinally: place.isFinally, kind: kind.kind, needs: needs.sorted(),
                guards: guards, policy: policy)
            here.append(node)
            nodes.append(node)
            addWhatBelongs(to: node, place)
        }
    }

    /// What a step has inside, and what undoes it.
    private mutating func addWhatBelongs(to node: Node, _ place: Place) {
        if case .rollout(let rollout) = node.kind { return addTargets(of: node.id, rollout, place) }
        if node.hasBody { addSteps(random.int(1...3), place.inside(node.id), depth: place.depth + 1) }
        if node.canBeUndone, place.mayBeUndone, !place.isFinally, random.chance(undoRate) { addUndo(of: node, place) }
    }

    private mutating func kind(_ id: String, here: [Node], _ place: Place) -> (kind: Node.Kind, reads: [String]) {
        switch random.int(0...16) {
        case 13 where place.depth < 2:
            let until = Expression.compare(.equal, .output(node: "\(id)/s\(next + 1)", path: ["stdout"]), .literal("x"))
            let spec = RepeatSpec(
                until: random.chance(0.7) ? until : .literal(false), intervalSeconds: random.pick([0, 5]), maximum: random.int(1...4))
            return (.repeatUntil(spec), [])
        case 14: return (.waitFor(SignalSpec(signal: random.pick(["a", "b"]), timeoutSeconds: random.pick([nil, 60]))), [])
        case 15: return (.sleepUntil(.literal(.string(Instant(milliseconds: Int64(random.int(0...400)) * 1000).description))), [])
        case 12 where place.depth < 1: return (.rollout(rollout()), [])
        case 0 where place.depth < 2:
            let elements = JSON.array((0..<random.int(0...4)).map { .string("e\($0)") })
            let minimum: Amount? = random.chance(0.4) ? random.pick([.count(1), .percent(60)]) : nil
            let keepsGoing = minimum == nil && random.chance(0.3) ? true : nil
            let selector = random.chance(0.3) ? selector(here) : nil
            let all: MapSpec.Elements = selector.map { .hosts($0.made) } ?? .list(.literal(elements))
            let map = MapSpec(elements: all, width: random.int(1...3), minSucceeded: minimum, keepsGoing: keepsGoing)
            return (.map(map), [selector?.by].compactMap { $0 })
        case 1: return (.sleep(.literal(.int(random.int(0...50)))), [])
        case 2: return gate(here)
        case 3: return (.choice(.literal(.bool(random.chance(0.5)))), [])
        case 16:
            guard let sharing, sharing.calls > 0 else { return shell(here: here, place) }
            return (call(sharing), [])
        default: return shell(here: here, place)
        }
    }

    /// An approval, whose text may read what an earlier command said.
    private mutating func gate(_ here: [Node]) -> (kind: Node.Kind, reads: [String]) {
        var spec = RandomGate.spec(&random)
        guard let earlier = here.last(where: { $0.work != nil }), random.chance(0.3) else {
            return (.approval(spec), [])
        }
        spec.prompt = .output(node: earlier.id, path: ["stdout"])
        return (.approval(spec), [earlier.id])
    }

    /// A selector that a step here makes.
    private mutating func selector(_ here: [Node]) -> (made: Expression, by: String)? {
        let commands = here.filter { $0.work != nil }
        guard !commands.isEmpty else { return nil }
        let step = random.pick(commands)
        return (.output(node: step.id, path: ["stdout"]), step.id)
    }

    /// A command that is given what it can see where it stands.
    mutating func shell(here: [Node], _ place: Place) -> (kind: Node.Kind, reads: [String]) {
        var values: [Expression] = []
        var reads: [String] = []
        if let earlier = here.last(where: { $0.work != nil }), random.chance(0.5) {
            let value = Expression.output(node: earlier.id, path: ["stdout"])
            values.append(random.chance(0.3) ? .optional(value) : value)
            reads = [earlier.id]
        }
        if let scope = place.scope {
            let isTarget = place.host == .element(map: scope, path: ["name"])
            if place.part == .undo, !isTarget {
                // What undoes a step can read what that step handed out; what a call hands out has other members.
                if nodes.last(where: { $0.id == scope })?.work != nil { values.append(.output(node: scope, path: ["stdout"])) }
                if let source = source(forUndoOf: scope) { values.append(.output(node: source, path: ["stdout"])) }
            } else {
                values.append(.element(map: scope, path: place.part == .between ? ["number"] : isTarget ? ["name"] : []))
                if place.part == .undo, let source = source(forUndoOf: scope) { values.append(.output(node: source, path: ["stdout"])) }
            }
        }
        if place.isFinally { values.append(.run(.outcome)) }
        var target = place.host
        if random.chance(0.1), let made = selector(here) {
            target = made.made
            reads.append(made.by)
        }
        let variables = values.enumerated().map { ShellSpec.Variable(name: "flow_\($0.offset + 1)", value: $0.element) }
        return (.shell(ShellSpec(source: .text("true"), variables: variables, target: target)), reads)
    }

    /// A command before a step that what undoes it reads.
    private mutating func source(forUndoOf id: String) -> String? {
        guard let done = nodes.last(where: { $0.id == id }), random.chance(0.4) else { return nil }
        let readable = nodes.filter { $0.work != nil && done.needs.contains($0.id) }
        return readable.isEmpty ? nil : random.pick(readable).id
    }

    private mutating func policy() -> Policy {
        let retry: Retry? =
            random.chance(0.5)
            ? Retry(
                attempts: random.int(1...4), delaySeconds: 2, maxDelaySeconds: random.pick([5, 300]),
                maxElapsedSeconds: random.pick([nil, nil, 60]), exitStatuses: random.pick([nil, nil, [75]])) : nil
        let onFailure: Policy.OnFailure = random.chance(0.6) ? .stop : random.pick([.ignore, .hold])
        let probe = retry == nil && random.chance(0.5) ? Probe(command: ShellSpec(source: .text("asked"))) : nil
        return Policy(retry: retry, timeoutSeconds: random.pick([nil, 20, 40]), onFailure: onFailure, probe: probe)
    }
}
