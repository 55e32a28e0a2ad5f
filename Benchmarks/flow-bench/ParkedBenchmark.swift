import FlowModel
import Foundation

/// A hundred thousand runs that wait for people, in a real flowd: its memory, its CPU while nothing happens, and how soon it serves again after `kill -9`.
/// Then the same with runs that wait for a lock.
enum ParkedBenchmark {
    private static let runs = 100_000
    private static let quietSeconds = 30.0

    static func run() async throws {
        try await measure(
            "runs at a gate", Node(id: "gate", name: "gate", kind: .approval(ApprovalSpec(prompt: .literal("go on?"), rules: [.anyone(count: 1)]))))
        let claims = [ClaimSpec(name: .literal("database"), kind: .exclusive)]
        try await measure(
            "runs that wait for a lock",
            Node(id: "work", name: "work", kind: .shell(ShellSpec(source: .text("sleep 3600"))), policy: Policy(claims: claims)))
    }

    private static func measure(_ what: String, _ node: Node) async throws {
        try await withDirectory { directory in
            let server = try await ServerUnderTest(in: directory)
            var memory = 0.0
            var milliseconds = 0.0
            do {
                defer { server.kill() }
                try server.register(Plan(flow: "parked", nodes: [node], dsl: "0"))
                let request = HTTPConnection.request("POST", "/v1/runs", token: try server.token(), body: #"{"flow":"parked"}"#)
                _ = try HTTPLoad(port: server.port, clients: 64, request: request, status: 201).run(until: .requests(runs))
                try await Task.sleep(for: .seconds(5))
                let before = try server.cpuSeconds()
                try await Task.sleep(for: .seconds(quietSeconds))
                milliseconds = (try server.cpuSeconds() - before) * 1000 * 60 / quietSeconds
                memory = try server.residentMegabytes()
            }
            let start = clockSeconds(CLOCK_MONOTONIC)
            let again = try await ServerUnderTest(in: directory)
            defer { again.stop() }
            _ = try again.ask("GET", "/v1/runs?limit=1")
            let took = clockSeconds(CLOCK_MONOTONIC) - start
            try await Task.sleep(for: .seconds(5))
            let note = "\(runs) \(what)"
            try Figure(
                figure: "memory of flowd with 100,000 \(what)", value: memory, unit: "MB", target: .atMost(150, of: .value), note: note
            ).print()
            try Figure(
                figure: "CPU of flowd with 100,000 \(what)", value: milliseconds, unit: "ms/min", target: .atMost(60, of: .value),
                note: "\(note), over \(Int(quietSeconds)) s in which nothing happened"
            ).print()
            try Figure(
                figure: "restart with 100,000 \(what)", value: took, unit: "s", target: .atMost(3, of: .value),
                note: "\(note); from the start of the process after kill -9 to its first answer; then \(Int(try again.residentMegabytes())) MB"
            ).print()
        }
    }
}
