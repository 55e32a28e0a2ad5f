import FlowDSL
import FlowModel
import Testing

/// The plan of a flow, its diagnostics left aside.
func plan<F: Flow>(_ type: F.Type) -> Plan { FlowDescription(of: type).envelope.plan }

func diagnostics<F: Flow>(_ type: F.Type) -> [String] { FlowDescription(of: type).envelope.diagnostics.map(\.message) }

extension Plan {
    func node(_ id: String) throws -> Node {
        try #require(nodes.first { $0.id == id }, "no step '\(id)' in \(nodes.map(\.id))")
    }
    func needs(_ id: String) throws -> Set<String> { Set(try node(id).needs) }
}

struct Build: Codable, Sendable {
    var path: String
    var sha256: String
}

private struct Release: Flow {
    static let summary = "Releases"
    @Param("Version to release", pattern: #"\d+\.\d+\.\d+"#) var version: String
    @Param("Where to") var hosts: Selector = "group:web & !role=canary"
    @Param("Careful") var careful: Bool = true

    var body: some FlowBody {
        let build = shell("build", "make dist VERSION=\($version)", timeout: .minutes(20), output: Build.self)
        parallel {
            shell("lint", "make lint")
            shell("test", "make test")
            shell("sign", "sign \(build.path)", after: [build])
        }
        approval(
            "go", "Release \($version) (\(build.sha256))?", rules: [.role("release-manager", count: 2)], deadline: .hours(24))
        let deployed = map("deploy", over: $hosts, width: 1) { host in
            copy("package", from: build.path, to: "/opt/web/\($version).tar.gz", mode: "0644")
            shell("switch", "/opt/web/switch \($version)", on: host, as: "web", retry: .attempts(2))
        }
        when($careful && build.path != "") {
            shell("check", "check")
            shell("check-again", "check")
        } otherwise: {
            shell("shrug", "true")
        }
        let report = step("report", build, deployed) { context, build, deployed in
            context.log("released \(build.sha256)")
            return ["digest": build.sha256, "hosts": "\(deployed.count)"]
        }
        sleep("soak", .seconds(5), after: [report])
        finally {
            shell("done", "notify \($version) \(run.outcome)")
            shell("tidy", "rm -f \(build.path.optional)")
        }
    }
}

private struct Counting: Flow {
    var body: some FlowBody {
        let out = rollout("deploy", to: "group:web") { host in shell("switch", "true", on: host) }
        when(out.failed > 0) { shell("look", "echo \(out.failed) of \(out.unreachable.default(0))") }
    }
}

@Suite("A flow's plan", .timeLimit(.minutes(10)))
struct PlanTests {
    /// The order is part of the revision.
    @Test func `needs come in the order of the names that read them`() throws {
        struct Reads: Flow {
            var body: some FlowBody {
                let steps = (0..<8).map { shell("s\($0)", "true") }
                shell("last", "true", env: Dictionary(uniqueKeysWithValues: steps.enumerated().map { ("V\($0.offset)", "\($0.element.stdout)") }))
            }
        }
        #expect(try plan(Reads.self).node("last").needs == ["s7"] + (0..<7).map { "s\($0)" })
    }

    @Test func `how many hosts of a rollout came to an outcome is a number, and none of them is 0`() throws {
        let plan = plan(Counting.self)
        #expect(diagnostics(Counting.self).isEmpty)
        guard case .choice(let condition) = try plan.node("when-1").kind else { return #expect(Bool(false), "no condition") }
        #expect(condition == .compare(.greater, .output(node: "deploy", path: ["failed"]), .literal(0)))
    }

    @Test func `the name is the type's in kebab case`() {
        #expect(plan(Release.self).flow == "release")
        struct HTTPCheck2: Flow { var body: some FlowBody { shell("x", "true") } }
        #expect(plan(HTTPCheck2.self).flow == "http-check2")
    }

    @Test func `a flow without mistakes has no diagnostics`() {
        #expect(diagnostics(Release.self) == [])
    }

    @Test func `parameters carry type, default, pattern and help`() throws {
        let parameters = plan(Release.self).parameters
        #expect(
            parameters == [
                Parameter(name: "version", help: "Version to release", kind: .string, pattern: #"\d+\.\d+\.\d+"#),
                Parameter(name: "hosts", help: "Where to", kind: .selector, fallback: "group:web & !role=canary"),
                Parameter(name: "careful", help: "Careful", kind: .bool, fallback: true),
            ])
    }

    @Test func `statements run one after the other, those of a parallel block together`() throws {
        let plan = plan(Release.self)
        #expect(try plan.needs("build") == [])
        #expect(try plan.needs("lint") == ["build"])
        #expect(try plan.needs("test") == ["build"])
        #expect(try plan.needs("go").isSuperset(of: ["lint", "test", "sign"]))
        #expect(try plan.needs("deploy").contains("go"))
    }

    @Test func `what a map's body reads from outside, the map needs`() throws {
        let plan = plan(Release.self)
        #expect(try plan.needs("deploy").contains("build"))
        #expect(try plan.needs("deploy/package") == [])
        #expect(try plan.needs("deploy/switch") == ["deploy/package"])
    }

    @Test func `a copy inside a map over hosts goes to its host, a command only when told`() throws {
        let plan = plan(Release.self)
        guard let copy = try plan.node("deploy/package").kind.work(as: CopySpec.self),
            let shell = try plan.node("deploy/switch").kind.work(as: ShellSpec.self)
        else { return #expect(Bool(false), "other kinds") }
        #expect(copy.target == .element(map: "deploy", path: ["name"]))
        #expect(copy.from == .output(node: "build", path: ["value", "path"]))
        #expect(shell.target == .element(map: "deploy", path: ["name"]))
        #expect(shell.account == .literal("web"))
        guard let elsewhere = try plan.node("build").kind.work(as: ShellSpec.self) else { return }
        #expect(elsewhere.target == nil)
    }

    @Test func `a when is a condition that its branches are guarded by`() throws {
        let plan = plan(Release.self)
        let choice = try plan.node("when-1")
        #expect(choice.kindName == "when")
        #expect(try plan.node("check-again").guards == [BranchGuard(choice: "when-1", answer: true)])
        #expect(try plan.node("shrug").guards == [BranchGuard(choice: "when-1", answer: false)])
        #expect(try plan.needs("check-again") == ["check"])
        #expect(try plan.needs("report").isSuperset(of: ["check-again", "shrug"]))
    }

    @Test func `finally comes after everything, in order of its own`() throws {
        let plan = plan(Release.self)
        #expect(try plan.node("done").isFinally)
        #expect(try plan.needs("done") == [])
        #expect(try plan.needs("tidy") == ["done"])
    }

    @Test func `values reach a command as variables, never as text`() throws {
        guard let shell = try plan(Release.self).node("deploy/switch").kind.work(as: ShellSpec.self) else { return }
        #expect(shell.source == .text("/opt/web/switch \"${flow_1}\""))
        #expect(shell.variables == [ShellSpec.Variable(name: "flow_1", value: .parameter("version"))])
    }

    @Test func `policies are those given`() throws {
        let plan = plan(Release.self)
        #expect(try plan.node("build").policy == Policy(timeoutSeconds: 1200))
        #expect(try plan.node("deploy/switch").policy.retry?.attempts == 2)
        guard case .approval(let approval) = try plan.node("go").kind else { return }
        #expect(approval.rules == [.role("release-manager", count: 2)])
        #expect(approval.deadlineSeconds == 86_400)
    }

    @Test func `evaluating a body twice gives the same plan`() throws {
        #expect(try plan(Release.self).canonicalBytes == plan(Release.self).canonicalBytes)
    }

    @Test func `constants shape the plan once`() throws {
        struct Shaped: Flow {
            var body: some FlowBody {
                for name in ["a", "b"] { shell("on-\(name)", "echo \(name)") }
                if "a" == "b" { shell("never", "true") } else { shell("always", "true") }
            }
        }
        #expect(plan(Shaped.self).nodes.map(\.id) == ["on-a", "on-b", "always"])
        #expect(try plan(Shaped.self).needs("on-b") == ["on-a"])
    }

    @Test func `a gate's tree, escalation and fields stand in the plan, and its answers are read as its output`() throws {
        struct Size: Codable, Sendable { var minutes: Int; var size: String? }
        struct Gated: Flow {
            var body: some FlowBody {
                let go = approval(
                    "go", "Go?", fields: [.int("minutes", default: 5), .choice("size", ["s", "m"])], output: Size.self,
                    rules: [.role("ops", count: 2), .any(.person("bob"), .all(.role("dba"), .anyone))], deadline: .hours(4),
                    onDeadline: .escalate(to: [.role("director")], deadline: .hours(1), then: .approve), remind: .minutes(5),
                    veto: .role("ops"), distinct: false)
                shell("wait", "sleep \(go.output.minutes)")
            }
        }
        let plan = plan(Gated.self)
        guard case .approval(let spec) = try plan.node("go").kind, let wait = try plan.node("wait").kind.work(as: ShellSpec.self) else { return }
        #expect(spec.rules == [.role("ops", count: 2), .any([.user("bob"), .all([.role("dba", count: 1), .anyone(count: 1)])], count: 1)])
        #expect(spec.escalations == [.init(rules: [.role("director", count: 1)], deadlineSeconds: 3_600)])
        #expect(spec.onDeadline == .approve)
        #expect(spec.remindSeconds == 300)
        #expect(spec.veto == .role("ops", count: 1))
        #expect(!spec.isDistinct)
        #expect(spec.fields.map(\.choices) == [[], ["s", "m"]])
        #expect(wait.variables.map(\.value) == [.output(node: "go", path: ["output", "minutes"])])
        #expect(try JSON(encoding: plan).decode(as: Plan.self) == plan)
    }

    @Test func `fields that do not make the declared output are a mistake at their line`() {
        struct Size: Codable, Sendable { var minutes: Int; var size: String }
        struct Wrong: Flow {
            var body: some FlowBody {
                approval("go", "Go?", fields: [.string("minutes")], output: Size.self)
            }
        }
        let messages = diagnostics(Wrong.self)
        #expect(messages.contains("its field 'minutes' is String, its output has Int there"))
        #expect(messages.contains("its output has 'size', which is not among its fields"))
    }
}
