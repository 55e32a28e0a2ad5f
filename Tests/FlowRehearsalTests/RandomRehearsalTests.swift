import FlowInventory
import FlowModel
import FlowRehearsal
import FlowTestKit
import Testing

@Suite("Rehearsals of plans of every shape", .timeLimit(.minutes(5)))
struct RandomRehearsalTests {
    /// Failures, deadlines and remedies from a seed.
    private func options(_ plan: Plan, _ seed: UInt64) -> RehearsalOptions {
        var random = SeededRandom(seed: ~seed)
        var options = RehearsalOptions()
        for node in plan.nodes {
            if node.work != nil, random.chance(0.25) {
                let late = node.policy.timeoutSeconds == nil ? "" : "=timeout"
                options.fail.append(node.id + random.pick(["", "=2x1", late, "=lost", "=lostx1"]))
            }
            if node.work != nil, random.chance(0.1) { options.take.append("\(node.id)=\(random.int(0...100))") }
            if node.kindName == "approval", random.chance(0.4) { options.reject.append(node.id) }
            if ["approval", "waitFor"].contains(node.kindName), random.chance(0.3) { options.expire.append(node.id) }
            if node.work != nil, random.chance(0.3) {
                options.decide.append("\(node.id)=\(random.pick(["retry", "skip", "succeeded", "failed"]))")
            }
            if case .rollout(let spec) = node.kind, spec.onBreach == .hold, random.chance(0.5) {
                options.decide.append("\(node.id)=\(random.pick(["retry", "skip", "succeeded", "failed", "release"]))")
            }
        }
        if random.chance(0.2) { options.unreachable = ["h\(random.int(0...9))"] }
        return options
    }

    @Test func `each ends or says what it waits for, and is the same the second time`() async throws {
        var outcomes: [RunState: Int] = [:]
        var waits = 0
        for seed in UInt64(0)..<400 {
            let made = SimulatedPlan(seed: seed, size: Int(seed % 12) + 1)
            let script = try RehearsalScript(options(made.plan, seed))
            let order = RehearsalOrder(
                plan: made.plan, revision: try RehearsalOrder.revision(of: made.plan), inputs: [:], inventory: Inventory(hosts: made.hosts),
                script: script)
            let report: RehearsalReport
            do {
                report = try await order.rehearse()
                let again = try await order.rehearse()
                #expect(report.rows == again.rows && report.json == again.json, "seed \(seed)")
            } catch {
                Issue.record("seed \(seed): \(error)")
                continue
            }
            outcomes[report.state, default: 0] += 1
            #expect(report.stopped == nil, "seed \(seed): \(report.stopped ?? "")")
            if !report.state.isTerminal {
                waits += 1
                #expect(!report.waits.isEmpty, "seed \(seed): \(report.state)")
            }
            let isInOrder = zip(report.rows, report.rows.dropFirst()).allSatisfy { $0.seconds <= $1.seconds }
            #expect(isInOrder, "seed \(seed)")
            #expect(report.attempts.allSatisfy { $0.endedAt != nil || !report.state.isTerminal }, "seed \(seed): an attempt is left")
        }
        // The plans are such that all of it happens.
        #expect(outcomes[.succeeded, default: 0] > 20 && outcomes[.failed, default: 0] > 20 && waits > 20, "\(outcomes)")
    }

    @Test func `a flow that goes on for ever is stopped, and that is said`() async throws {
        let spec = RepeatSpec(until: .literal(false), intervalSeconds: 1, maximum: 1_000)
        let plan = Plan(
            flow: "endless",
            nodes: [
                Node(id: "outer", name: "outer", kind: .repeatUntil(spec)),
                Node(id: "outer/loop", name: "loop", scope: "outer", kind: .repeatUntil(spec), policy: Policy(onFailure: .ignore)),
                Node(id: "outer/loop/ask", name: "ask", scope: "outer/loop", kind: .shell(ShellSpec(source: .text("true")))),
            ], dsl: "1")
        var order = RehearsalOrder(plan: plan, revision: try RehearsalOrder.revision(of: plan), inputs: [:], inventory: .empty)
        order.turns = 2_000
        let report = try await order.rehearse()
        #expect(report.stopped?.contains("RehearsalLimits.turns") == true && !report.state.isTerminal)
    }
}
