import FlowEngine
import FlowModel
import Foundation

/// One run whose journal has a million rows: opened, listed and cancelled by a real flowd.
enum LongRunBenchmark {
    private static let elements = 100_000
    private static let stepsEach = 5

    static func run() async throws {
        try await withDirectory { directory in
            let home = directory + "/home"
            try FileManager.default.createDirectory(atPath: home, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
            let rows = try await prepare(in: home)
            let server = try await ServerUnderTest(in: directory)
            defer { server.stop() }
            let run = try Listed.first(of: server.ask("GET", "/v1/runs?limit=1"))
            var took: [(String, Double)] = []
            func time(_ name: String, _ method: String, _ path: String, _ body: String = "") throws {
                let start = clockSeconds(CLOCK_MONOTONIC)
                _ = try server.ask(method, path, body)
                took.append((name, clockSeconds(CLOCK_MONOTONIC) - start))
            }
            try time("opened", "GET", "/v1/runs/\(run)")
            try time("first steps", "GET", "/v1/runs/\(run)/steps?limit=100")
            try time("list of runs", "GET", "/v1/runs?limit=50")
            try time("paused, its journal folded first", "POST", "/v1/runs/\(run)/pause")
            try time("cancelled", "POST", "/v1/runs/\(run)/cancel")
            let memory = Int(try server.residentMegabytes())
            let words = took.map { "\($0.0) \(String(format: "%.0f", $0.1 * 1000)) ms" }.joined(separator: ", ")
            try Figure(
                figure: "a run of \(rows) journal rows: the slowest of open, list and cancel",
                value: took.filter { !$0.0.hasPrefix("paused") }.map(\.1).max() ?? .infinity, unit: "s", target: .atMost(1, of: .value),
                note: "\(words); \(elements * stepsEach) steps; flowd then holds \(memory) MB"
            ).print()
        }
    }

    /// In memory, since a million commits take minutes on a disk; the journal is the same.
    private static func prepare(in home: String) async throws -> Int {
        let shared = "/dev/shm/flow-bench-\(ProcessInfo.processInfo.processIdentifier)"
        try FileManager.default.createDirectory(atPath: shared, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        defer { try? FileManager.default.removeItem(atPath: shared) }
        let engine = try EngineUnderTest(in: shared, hands: WordyHands())
        let changes = engine.engine.changes()
        let receipt = try await engine.engine.start(request, by: EngineUnderTest.actor)
        var last = 0
        for await change in changes where change.run == receipt.run {
            last = change.sequence
            if change.state == .waiting { break }
        }
        try await engine.close()
        for name in try FileManager.default.contentsOfDirectory(atPath: shared) {
            try FileManager.default.copyItem(atPath: shared + "/" + name, toPath: home + "/" + name)
        }
        return last
    }

    private static var request: StartRequest {
        let names = (1...stepsEach).map { "s\($0)" }
        let list = JSON.array((0..<elements).map { .int($0) })
        let body = names.enumerated().map { number, name in
            Node(
                id: "all/\(name)", name: name, scope: "all", kind: .shell(ShellSpec(source: .text("true"))),
                needs: number == 0 ? [] : ["all/\(names[number - 1])"])
        }
        let nodes =
            [Node(id: "all", name: "all", kind: .map(MapSpec(elements: .list(.literal(list)), width: 1)))] + body
            + [Node(id: "wait", name: "wait", kind: .sleep(.literal(86_400)), needs: ["all"])]
        return EngineUnderTest.request(Plan(flow: "long", nodes: nodes, dsl: "0"))
    }
}

/// Ids of a page of runs.
enum Listed {
    private struct Page: Decodable {
        struct Item: Decodable { var id: String }
        var items: [Item]
    }

    static func first(of answer: Data) throws -> String {
        guard let id = try JSONDecoder().decode(Page.self, from: answer).items.first?.id else { throw BenchmarkFailure("there is no run") }
        return id
    }
}
