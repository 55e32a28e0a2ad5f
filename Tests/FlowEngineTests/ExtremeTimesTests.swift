import FlowEngine
import FlowModel
import Testing

/// Plans that were kept before spans of time had a bound: the machine waits to the last moment that there is, and goes on.
@Suite("Spans of time without a bound", .timeLimit(.minutes(10)))
struct ExtremeTimesTests {
    private static let spans = [1e17, 1e300, .infinity, .nan, -1e300]

    private func waits(_ kind: Node.Kind, _ seconds: Double) throws -> MachineHarness {
        try MachineHarness([Node(id: "w", name: "w", kind: kind), shell("after", needs: ["w"])])
    }

    @Test(arguments: spans)
    func `gates, reminders and signals`(_ seconds: Double) throws {
        let spec = ApprovalSpec(prompt: .literal("go?"), rules: [.anyone(count: 1)], deadlineSeconds: seconds, remindSeconds: seconds)
        let gate = try waits(.approval(spec), seconds)
        #expect(gate["w"].state == .waiting)
        let signal = try waits(.waitFor(SignalSpec(signal: "s", timeoutSeconds: seconds)), seconds)
        #expect(signal["w"].state == .waiting)
        if seconds > 1e16 { #expect(gate["w"].approval?.deadline == .latest && signal["w"].due == .latest) }
    }

    @Test(arguments: spans)
    func `time-outs and the pauses between attempts`(_ seconds: Double) throws {
        let retry = Retry(attempts: 5, delaySeconds: seconds, factor: seconds, maxDelaySeconds: seconds, maxElapsedSeconds: 1e300)
        var machine = try MachineHarness([shell("a", policy: Policy(retry: retry, timeoutSeconds: seconds))])
        try machine.report("a", .placed(Place(bootID: "b", spoolID: "s")))
        try machine.report("a", .unreachable("gone"))
        try machine.report("a", .reachable)
        try machine.fail("a")
        #expect(machine["a"].state == .backingOff || machine["a"].state == .failed || machine["a"].state == .running)
    }

    @Test(arguments: spans)
    func `soaks and rounds`(_ seconds: Double) throws {
        let hosts = ["h1", "h2"].map { Host(name: $0, address: $0) }
        let spec = RolloutSpec(targets: .literal("all"), batches: try BatchSizes("1"), concurrency: .percent(seconds), soakSeconds: seconds)
        var rollout = try MachineHarness(
            [Node(id: "r", name: "r", kind: .rollout(spec)), shell("r/x", scope: "r")], targets: ["all": hosts])
        try rollout.succeed("r[h1]/x")
        if seconds > 0 { #expect(rollout["r"].due == .latest) }
        let rounds = RepeatSpec(until: .literal(false), intervalSeconds: seconds, maximum: 3)
        var machine = try MachineHarness([Node(id: "p", name: "p", kind: .repeatUntil(rounds)), shell("p/ask", scope: "p")])
        try machine.succeed("p[1]/ask")
        if seconds > 0 { #expect(machine["p"].due == .latest) }
    }

    @Test(arguments: [JSON.double(1e17), .double(-1), .int(.max), .int(.min), "2027-01-01T10:00:00:5Z", .null])
    func `what no step can sleep for fails it, and says so`(_ value: JSON) throws {
        let machine = try waits(.sleep(.parameter("t")), 0, inputs: ["t": value])
        #expect(machine["w"].state == .failed && machine["w"].reason?.contains("a hundred years") == true)
    }

    @Test(arguments: [
        "2027-01-01T10:00:00:5Z", "9223372036854775807-01-01T00:00:00Z", "2026-11-31T00:00:00Z", "2027-02-30T00:00:00Z", "",
    ])
    func `a moment that there is not fails the step that was to sleep until then`(_ text: String) throws {
        let machine = try waits(.sleepUntil(.parameter("t")), 0, inputs: ["t": .string(text)])
        #expect(machine["w"].state == .failed && machine["w"].reason?.contains("on a day that exists") == true)
    }

    private func waits(_ kind: Node.Kind, _ seconds: Double, inputs: [String: JSON]) throws -> MachineHarness {
        try MachineHarness([Node(id: "w", name: "w", kind: kind), shell("after", needs: ["w"])], inputs: inputs)
    }
}
