package import FlowModel

/// Makes plans of every shape that the machine knows.
package struct RandomPlan {
    private var random: SeededRandom
    private var nodes: [Node] = []
    private var next = 0

    package static func make(using random: SeededRandom, size: Int) -> Plan {
        var maker = RandomPlan(random: random)
        maker.addSteps(size, scope: nil, isFinally: false, depth: 0)
        if maker.random.chance(0.4) { maker.addSteps(maker.random.int(1...2), scope: nil, isFinally: true, depth: maker.random.int(0...1)) }
        return Plan(flow: "simulated", nodes: maker.nodes, dsl: "0")
    }

    private init(random: SeededRandom) { self.random = random }

    private mutating func addSteps(
        _ count: Int, scope: String?, part: Node.Part = .body, host: Expression? = nil, isFinally: Bool, depth: Int
    ) {
        var here: [Node] = []
        for _ in 0..<count {
            next += 1
            let name = "s\(next)"
            let id = scope.map { "\($0)/\(part.prefix)\(name)" } ?? name
            var needs: Set<String> = []
            for earlier in here.suffix(4) where random.chance(0.45) { needs.insert(earlier.id) }
            var guards: [BranchGuard] = []
            if let choice = here.last(where: { if case .choice = $0.kind { true } else { false } }), random.chance(0.5) {
                guards = [BranchGuard(choice: choice.id, answer: random.chance(0.5))]
                needs.insert(choice.id)
            }
            let place = Place(scope: scope, part: part, host: host, isFinally: isFinally, depth: depth)
            let kind = kind(id, here: here, place)
            kind.reads.forEach { needs.insert($0) }
            let node = Node(
                id: id, name: name, scope: scope, part: part, isFinally: isFinally, kind: kind.kind, needs: needs.sorted(),
                guards: guards, policy: policy())
            here.append(node)
            nodes.append(node)
            guard case .rollout(let rollout) = kind.kind else {
                if node.hasBody { addSteps(random.int(1...3), scope: id, host: host, isFinally: isFinally, depth: depth + 1) }
                continue
            }
            let target = Expression.element(map: id, path: ["name"])
            addSteps(random.int(1...3), scope: id, host: target, isFinally: isFinally, depth: depth + 1)
            if rollout.onBreach == .undo || random.chance(0.5) {
                addSteps(random.int(1...2), scope: id, part: .undo, host: target, isFinally: isFinally, depth: depth + 1)
            }
            if random.chance(0.4) { addSteps(1, scope: id, part: .between, isFinally: isFinally, depth: depth + 1) }
        }
    }

    /// The selector that rollouts name, and its hosts.
    static let targets = [
        "all": (0..<7).map {
            Host(name: "h\($0)", address: "10.0.0.\($0)", labels: ["zone": "z\($0 % 2)", "state": $0 % 3 == 1 ? "maintenance" : "live"])
        }
    ]

    private mutating func rollout() -> RolloutSpec {
        let sizes = ["1 2", "50%", "1 *2", "1 +1", "100%"].compactMap { try? BatchSizes($0) }
        return RolloutSpec(
            targets: .literal("all"), batches: random.pick(sizes),
            order: random.pick([.inventory, .reverse, .shuffle, .spread("zone"), .rank("zone"), .name]),
            concurrency: random.pick([nil, .count(1), .count(2), .percent(50)]), soakSeconds: random.pick([0, 0, 30]),
            budget: FailureBudget(
                maxFailures: random.pick([.count(0), .count(1), .percent(40)]), scope: random.pick([.batch, .rollout]),
                counting: random.pick([.both, .failed, .unreachable])),
            onBreach: random.pick([.stopNew, .hold, .undo]), startRate: random.pick([nil, nil, StartRate(count: 2, seconds: 20)]),
            skipping: random.pick([nil, nil, ["maintenance"], ["maintenance", "live"]]))
    }

    /// Where a step stands.
    private struct Place {
        var scope: String?
        var part: Node.Part
        /// The target of the rollout round it.
        var host: Expression?
        var isFinally: Bool
        var depth: Int
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
            return (.map(MapSpec(elements: .list(.literal(elements)), width: random.int(1...3), minSucceeded: minimum)), [])
        case 1: return (.sleep(.literal(.int(random.int(0...50)))), [])
        case 2: return (.approval(RandomGate.spec(&random)), [])
        case 3: return (.choice(.literal(.bool(random.chance(0.5)))), [])
        default: return shell(here: here, place)
        }
    }

    /// A command that is given what it can see where it stands.
    private mutating func shell(here: [Node], _ place: Place) -> (kind: Node.Kind, reads: [String]) {
        var values: [Expression] = []
        var reads: [String] = []
        if let earlier = here.last(where: { if case .shell = $0.kind { true } else { false } }), random.chance(0.5) {
            let value = Expression.output(node: earlier.id, path: ["stdout"])
            values.append(random.chance(0.3) ? .optional(value) : value)
            reads = [earlier.id]
        }
        if let scope = place.scope {
            let path: [String] = place.part == .between ? ["number"] : place.host == .element(map: scope, path: ["name"]) ? ["name"] : []
            values.append(.element(map: scope, path: path))
        }
        if place.isFinally { values.append(.run(.outcome)) }
        let variables = values.enumerated().map { ShellSpec.Variable(name: "flow_\($0.offset + 1)", value: $0.element) }
        return (.shell(ShellSpec(source: .text("true"), variables: variables, target: place.host)), reads)
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
