import FlowEngine
import FlowModel
import Testing

@Suite("Hosts of selectors that steps make", .timeLimit(.minutes(10)))
struct LateHostsTests {
    private static let hosts = ["web-1", "web-2"].map { Host(name: $0, address: "10.0.0.1") }

    /// `find` makes a selector, `each` is a map over its hosts, with one step.
    private static var nodes: [Node] {
        let made = FlowModel.Expression.output(node: "find", path: ["stdout"])
        return [
            shell("find"),
            Node(id: "each", name: "each", kind: .map(MapSpec(elements: .hosts(made), width: 2)), needs: ["find"]),
            Node(
                id: "each/patch", name: "patch", scope: "each",
                kind: .shell(ShellSpec(source: .text("true"), target: .element(map: "each", path: ["name"])))),
        ]
    }

    private func search(_ machine: MachineHarness) throws -> HostSearch {
        try #require(machine.actions.compactMap { if case .findHosts(let search) = $0 { search } else { nil } }.first)
    }

    /// As far as the search.
    private func searching(_ nodes: [Node] = nodes) throws -> (MachineHarness, HostSearch) {
        var machine = try MachineHarness(nodes)
        try machine.succeed("find", ["exitStatus": 0, "stdout": "group:web", "changed": true])
        let search = try search(machine)
        return (machine, search)
    }

    @Test func `they are looked up when the step has made it, and stay what they were`() throws {
        var (machine, search) = try searching()
        #expect(search.selector == "group:web" && search.limit == nil)
        #expect(machine["each"].waiting?.kind == .worker && machine["each"].waiting?.reason == "the hosts of 'group:web'")
        #expect(machine.run.state == .waiting)
        try machine.take(.hostsFound(search.id, selector: "group:web", Self.hosts))
        #expect(machine.dispatched == ["each[web-1]/patch", "each[web-2]/patch"])
        // A second answer changes nothing.
        let count = machine.entries.count
        try machine.take(.hostsFound(search.id, selector: "group:web", []))
        #expect(machine.entries.count == count)
        try machine.succeed("each[web-1]/patch")
        try machine.fail("each[web-2]/patch")
        #expect(machine.run.state == .failed)
        // What is done again runs on the hosts that were frozen.
        try machine.command(.retry(from: nil))
        #expect(machine.actions.allSatisfy { if case .findHosts = $0 { false } else { true } })
        #expect(machine.dispatched == ["each[web-2]/patch"])
        try machine.succeed("each[web-2]/patch")
        #expect(machine.run.state == .succeeded)
    }

    @Test func `the first answer is that of the whole run`() throws {
        let made = FlowModel.Expression.output(node: "find", path: ["stdout"])
        func map(_ id: String) -> [Node] {
            [
                Node(id: id, name: id, kind: .map(MapSpec(elements: .hosts(made), width: 2)), needs: ["find"]),
                Node(id: "\(id)/x", name: "x", scope: id, kind: .shell(ShellSpec(source: .text("true")))),
            ]
        }
        var machine = try MachineHarness([shell("find")] + map("one") + map("two"))
        try machine.succeed("find", ["exitStatus": 0, "stdout": "group:web", "changed": true])
        func id(_ path: String) -> CallID { CallID(run: machine.run.id, step: StepPath(path), generation: 1) }
        try machine.take(.hostsFound(id("one"), selector: "group:web", [Self.hosts[0]]))
        // Somebody has edited the inventory in between.
        try machine.take(.hostsFound(id("two"), selector: "group:web", [Self.hosts[1]]))
        #expect(machine.dispatched == ["two[web-1]/x"])
    }

    @Test func `one host may be named by a step, too`() throws {
        let on = ShellSpec(source: .text("true"), target: .output(node: "find", path: ["stdout"]))
        var (machine, search) = try searching([shell("find"), Node(id: "use", name: "use", kind: .shell(on), needs: ["find"])])
        try machine.take(.hostsFound(search.id, selector: "group:web", [Self.hosts[0]]))
        #expect(machine.dispatched == ["use"])

        (machine, search) = try searching([shell("find"), Node(id: "use", name: "use", kind: .shell(on), needs: ["find"])])
        try machine.take(.hostsFound(search.id, selector: "group:web", Self.hosts))
        #expect(machine["use"].reason == "'on:' takes one host, selector 'group:web' gave 2")
    }

    @Test func `what the inventory does not have fails the step, and is looked up again by a retry`() throws {
        var (machine, search) = try searching()
        try machine.take(.hostsRefused(search.id, selector: "group:web", "there is no group 'web'"))
        #expect(machine.run.state == .failed && machine["each"].reason == "there is no group 'web'")
        try machine.command(.retry(from: nil))
        search = try self.search(machine)
        #expect(search.id.generation == 2)
        try machine.take(.hostsFound(search.id, selector: "group:web", Self.hosts))
        #expect(machine.dispatched.count == 2)
    }

    @Test func `an engine that ends in between asks again, and a paused run begins nothing`() throws {
        var (machine, search) = try searching()
        machine.epoch += 1
        try machine.take(.recover)
        #expect(try self.search(machine) == search)
        try machine.command(.pause)
        try machine.take(.hostsFound(search.id, selector: "group:web", Self.hosts))
        #expect(machine["each"].state == .ready && machine.dispatched.isEmpty)
        try machine.command(.resume)
        #expect(machine.dispatched.count == 2)
    }

    @Test func `a run that is cancelled looks for nothing any more`() throws {
        var (machine, search) = try searching()
        try machine.command(.cancel)
        #expect(machine.run.state == .cancelled)
        let count = machine.entries.count
        try machine.take(.hostsFound(search.id, selector: "group:web", Self.hosts))
        #expect(machine.entries.count == count)
    }

    @Test func `hosts that a rollout finds first are asked for by what else runs on them`() throws {
        let made = FlowModel.Expression.output(node: "find", path: ["stdout"])
        let rollout = RolloutSpec(targets: made, batches: try BatchSizes("1 *1"))
        let named = ShellSpec(source: .text("true"), target: .literal("web-2"))
        var machine = try MachineHarness([
            shell("find"), Node(id: "deploy", name: "deploy", kind: .rollout(rollout), needs: ["find"]), shell("deploy/switch", scope: "deploy"),
            Node(id: "each", name: "each", kind: .map(MapSpec(elements: .hosts(made), width: 2)), needs: ["find"]), shell("each/x", scope: "each"),
            shell("later"), Node(id: "one", name: "one", kind: .shell(named), needs: ["later"]),
        ])
        try machine.succeed("find", ["exitStatus": 0, "stdout": "group:web", "changed": true])
        machine.closure = ChangeClosure(kind: .freeze, rule: "year-end", reason: "the books are closed")
        func id(_ path: String) -> CallID { CallID(run: machine.run.id, step: StepPath(path), generation: 1) }
        try machine.take(.hostsFound(id("deploy"), selector: "group:web", Self.hosts))
        #expect(machine["deploy"].waiting?.kind == .freeze && machine.dispatched.isEmpty)
        try machine.take(.hostsFound(id("each"), selector: "group:web", Self.hosts))
        #expect(machine["each"].state == .held && machine.dispatched.isEmpty)
        try machine.succeed("later")
        #expect(machine["one"].state == .held && machine.dispatched.isEmpty)
        machine.closure = nil
        try machine.command(.retry(from: nil))
        #expect(Set(machine.dispatched) == ["each[web-1]/x", "each[web-2]/x", "one"])
    }

    @Test func `what is sought by other inputs after an edit is asked for again when the engine has ended`() throws {
        let made = FlowModel.Expression.text([.output(node: "find", path: ["stdout"]), .parameter("env")])
        let each = Node(id: "each", name: "each", kind: .map(MapSpec(elements: .hosts(made), width: 2)), needs: ["find"])
        var machine = try MachineHarness([shell("find"), each, shell("each/x", scope: "each")], inputs: ["env": "a"])
        try machine.succeed("find", ["exitStatus": 0, "stdout": "env=", "changed": true])
        #expect(try search(machine).selector == "env=a")
        try machine.command(.edit(InputEdit(inputs: ["env": "b"], targets: [:]), isRetry: false, from: nil))
        machine.epoch += 1
        try machine.take(.recover)
        let search = try search(machine)
        try machine.take(.hostsFound(search.id, selector: search.selector, Self.hosts))
        #expect(search.selector == "env=b" && machine.dispatched.count == 2)
    }

    @Test func `hosts that a freeze keeps changes from are not touched`() throws {
        var (machine, search) = try searching()
        machine.closure = ChangeClosure(kind: .freeze, rule: "year-end", reason: "the books are closed")
        try machine.take(.hostsFound(search.id, selector: "group:web", Self.hosts))
        #expect(machine["each"].state == .held && machine.dispatched.isEmpty)
        #expect(machine["each"].reason == "freeze year-end keeps changes from the hosts of 'group:web'")
        machine.closure = nil
        try machine.command(.retry(from: nil))
        try machine.take(.hostsFound(try self.search(machine).id, selector: "group:web", Self.hosts))
        #expect(machine.dispatched.count == 2)
    }
}
