import FlowModel
import Foundation

/// A flow whose runs wait as soon as they have begun, so that accepting them is all that is measured.
private enum ParkedFlow {
    static let name = "parked"
    static let body = #"{"flow":"parked","inputs":{"ticket":"OPS-41172","note":"disk full on js-web-17"},"labels":{"team":"web"}}"#

    static func register(on server: ServerUnderTest) throws {
        let plan = Plan(
            flow: name,
            parameters: ["ticket", "note"].map { Parameter(name: $0, kind: .string) },
            nodes: [Node(id: "wait", name: "wait", kind: .sleep(.literal(86_400)))], dsl: "0")
        try server.register(plan)
    }
}

/// Runs accepted over HTTP, each answered after its commit: a real flowd, 64 clients, TCP on loopback, a token.
enum AcceptBenchmark {
    private static let clients = 64
    private static let rounds = 3

    static func run() async throws {
        try await withDirectory { directory in
            let server = try await ServerUnderTest(in: directory)
            var accepted: [HTTPLoad.Result] = []
            var bare: [HTTPLoad.Result] = []
            var cpu: [Double] = []
            do {
                defer { server.kill() }
                try ParkedFlow.register(on: server)
                let start = HTTPLoad(
                    port: server.port, clients: clients,
                    request: HTTPConnection.request("POST", "/v1/runs", token: try server.token(), body: ParkedFlow.body), status: 201)
                let health = HTTPLoad(
                    port: server.port, clients: clients, request: HTTPConnection.request("GET", "/healthz"), status: 200)
                let warmUp = try start.run(until: .after(.seconds(1)))
                for _ in 0..<rounds {
                    bare.append(try health.run(until: .after(.seconds(2))))
                    let before = try server.cpuSeconds()
                    accepted.append(try start.run(until: .after(.seconds(4))))
                    cpu.append(try server.cpuSeconds() - before)
                }
                accepted.append(warmUp)
            }
            let acknowledged = accepted.reduce(0) { $0 + $1.requests }
            accepted.removeLast()
            let kept = try Database.count("run", in: server.home)
            guard kept == acknowledged else {
                throw BenchmarkFailure("\(acknowledged) runs were acknowledged and \(kept) are there after kill -9")
            }
            try report(accepted, bare, cpu, kept)
        }
    }

    private static func report(_ accepted: [HTTPLoad.Result], _ bare: [HTTPLoad.Result], _ cpu: [Double], _ kept: Int) throws {
        func milliseconds(_ value: (HTTPLoad.Result) -> Double) -> String { String(format: "%.1f", median(accepted.map(value))) }
        let generator = median(accepted.map { $0.cpuSeconds / Double($0.requests) * 1e6 })
        let server = median(zip(accepted, cpu).map { $1 / Double($0.requests) * 1e6 })
        try Figure(
            figure: "runs accepted over HTTP, durably, 64 clients", value: median(accepted.map(\.perSecond)), unit: "runs/s",
            ceiling: median(bare.map(\.perSecond)), target: .atLeast(3_000, of: .value),
            note: """
                body \(ParkedFlow.body.utf8.count) B, each 201 after its commit; p50 \(milliseconds { $0.percentile(0.5) }) ms, p99 \
                \(milliseconds { $0.percentile(0.99) }) ms; CPU for each: flowd \(Int(server)) us, load generator \(Int(generator)) us, on the \
                same cores; ceiling: GET /healthz of the same server and generator; all \(kept) acknowledged runs there after kill -9; \
                medians of \(rounds)
                """
        ).print()
    }
}

/// Memory of a flowd that waits for work.
enum IdleBenchmark {
    static func run() async throws {
        try await withDirectory { directory in
            let server = try await ServerUnderTest(in: directory)
            defer { server.stop() }
            // What it does after it began to serve.
            try await Task.sleep(for: .seconds(2))
            let fresh = try server.residentMegabytes()
            try ParkedFlow.register(on: server)
            for _ in 0..<20 { _ = try server.ask("POST", "/v1/runs", ParkedFlow.body) }
            let used = try server.residentMegabytes()
            let cpu = try server.cpuSeconds()
            try await Task.sleep(for: .seconds(5))
            let idle = (try server.cpuSeconds() - cpu) * 1000 * 12
            try Figure(
                figure: "memory of an idle flowd", value: max(fresh, used), unit: "MB", target: .atMost(60, of: .value),
                note: """
                    resident, of which most are mapped program files: \(Int(fresh)) MB after start, \(Int(used)) MB with 20 runs waiting in it; \
                    then \(Int(idle)) ms of CPU a minute
                    """
            ).print()
        }
    }
}
