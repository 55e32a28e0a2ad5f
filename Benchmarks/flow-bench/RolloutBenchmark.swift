import FlowEngine
import FlowModel
import Foundation

/// What a target of a rollout costs, with few of them and with many: two steps on each, in batches of a twentieth, no-op hands, real journal.
enum RolloutBenchmark {
    private static let sizes = [100, 1_000, 10_000]
    private static let rounds = 3

    static func run() async throws {
        var cost: [Int: [Double]] = [:]
        var wall: [Int: [Double]] = [:]
        for _ in 0..<rounds {
            for size in sizes {
                // As many targets in all for each size, so that the clock has as much to measure.
                let repeats = sizes[sizes.count - 1] / size
                let took = try await withDirectory { directory in
                    let engine = try EngineUnderTest(in: directory)
                    let request = try rollout(over: size)
                    _ = try await engine.complete(1, of: try rollout(over: sizes[0]))
                    var (cpu, seconds) = (0.0, 0.0)
                    for _ in 0..<repeats {
                        let took = try await engine.complete(1, of: request)
                        cpu += took.cpuSeconds
                        seconds += took.fromLastReceipt
                    }
                    try await engine.close()
                    return (cpu, seconds)
                }
                cost[size, default: []].append(took.0 / Double(size * repeats) * 1e6)
                wall[size, default: []].append(took.1 / Double(size * repeats) * 1e6)
            }
        }
        let medians = sizes.map { median(cost[$0] ?? []) }
        let walls = sizes.map { median(wall[$0] ?? []) }
        func list(_ values: [Double]) -> String { values.map { String(Int($0)) }.joined(separator: ", ") }
        try Figure(
            figure: "CPU of a target in a rollout over 10,000", value: medians[sizes.count - 1], unit: "us", ceiling: medians[0],
            target: .atMost(1.25, of: .ratio),
            note: """
                peer: the same rollout over 100, again and again; over 100, 1,000 and 10,000 targets: \(list(medians)) us of CPU and \
                \(list(walls)) us of time for each, two steps a target, medians of \(rounds)
                """
        ).print()
    }

    private static func rollout(over count: Int) throws -> StartRequest {
        let spec = RolloutSpec(targets: .literal("all"), batches: try BatchSizes("5%"))
        let nodes = [
            Node(id: "release", name: "release", kind: .rollout(spec)),
            Node(id: "release/stop", name: "stop", scope: "release", kind: .shell(ShellSpec(source: .text("true")))),
            Node(
                id: "release/start", name: "start", scope: "release", kind: .shell(ShellSpec(source: .text("true"))),
                needs: ["release/stop"]),
        ]
        let hosts = (0..<count).map { Host(name: "web-\($0)", address: "10.0.\($0 / 250).\($0 % 250)") }
        return EngineUnderTest.request(Plan(flow: "rollout-\(count)", nodes: nodes, dsl: "0"), targets: ["all": hosts])
    }
}
