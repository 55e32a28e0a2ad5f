import FlowModel
import FlowServer
import FlowWire
import Foundation
import Testing

@Suite("Metrics", .timeLimit(.minutes(2)))
struct MetricsTests {
    /// The text format of Prometheus, strictly: what `promtool check metrics` complains about is a fault here.
    private func faults(_ text: String) -> [String] {
        var faults: [String] = []
        var types: [String: String] = [:]
        var helps: Set<String> = []
        var seen: Set<String> = []
        var closed: Set<String> = []
        var current = ""
        if !text.hasSuffix("\n") { faults.append("the last line has no end") }
        for line in text.split(separator: "\n").map(String.init) {
            func enter(_ family: String) {
                guard family != current else { return }
                if !closed.insert(family).inserted { faults.append("\(family) is in two places") }
                current = family
            }
            if let match = line.wholeMatch(of: #/# (HELP|TYPE) ([a-zA-Z_:][a-zA-Z0-9_:]*) (.+)/#) {
                let (kind, name, rest) = (match.output.1, String(match.output.2), String(match.output.3))
                enter(name)
                if kind == "HELP" {
                    if !helps.insert(name).inserted { faults.append("\(name) has two helps") }
                } else {
                    if types.updateValue(rest, forKey: name) != nil { faults.append("\(name) has two types") }
                    if !["counter", "gauge", "histogram"].contains(rest) { faults.append("\(name) has the type \(rest)") }
                }
                continue
            }
            let sample = #/([a-zA-Z_:][a-zA-Z0-9_:]*)(\{(?:[a-zA-Z_][a-zA-Z0-9_]*="[^"\\\n]*",?)*\})? (-?[0-9.e+-]+|\+Inf|NaN)/#
            guard let match = line.wholeMatch(of: sample) else {
                faults.append("not a sample: \(line)")
                continue
            }
            let name = String(match.output.1)
            let family = types[name] == nil ? name.replacing(#/_(bucket|sum|count)$/#, with: "") : name
            enter(family)
            guard let type = types[family], helps.contains(family) else {
                faults.append("\(name) has no help or type before it")
                continue
            }
            if (type == "counter") != family.hasSuffix("_total") { faults.append("\(family) is a \(type)") }
            if Double(match.output.3) == nil { faults.append("\(line): no number") }
            if !seen.insert(name + (match.output.2 ?? "")).inserted { faults.append("twice: \(line)") }
        }
        return faults
    }

    private func value(_ text: String, _ name: String) -> Double? {
        text.split(separator: "\n").first { $0.hasPrefix(name + " ") }.flatMap { Double($0.dropFirst(name.count + 1)) }
    }

    @Test func `what the home has and does is told, and nothing without end`() async throws {
        let home = try TemporaryHome()
        defer { home.remove() }
        let server = try await FlowServer.open(.init(home: home.path))
        let client = Client(socket: server.socket)
        _ = try await client.start("gate", [Nodes.approval("go")])
        let done = try await client.start("done", [Nodes.sleep("nap", 0)])
        _ = try await client.events(of: done.id) { $0.contains("event: end") }
        #expect(try await client.send("GET", "/v1/backup").status == 200)
        for path in ["/nothing", "/v1/nothing", "/v1/runs/x"] { _ = try await client.send("GET", path) }
        for method in ["PROPFIND", "PATCH"] { _ = try await client.send(method, "/v1/runs") }
        let text = String(decoding: try await client.send("GET", "/metrics").body, as: UTF8.self)
        #expect(faults(text) == [], "\(text)")
        #expect(value(text, #"flow_runs{state="waiting"}"#) == 1)
        #expect(value(text, #"flow_runs{state="succeeded"}"#) == 1)
        #expect(value(text, #"flow_runs{state="failed"}"#) == 0)
        #expect(value(text, "flow_approvals_open") == 1)
        #expect(value(text, "flow_approval_oldest_wait_seconds") ?? -1 >= 0)
        #expect(value(text, "flow_steps_unknown") == 0)
        #expect(value(text, "flow_attempts_running") == 0)
        #expect(value(text, "flow_attempts_waiting") == 0)
        #expect(value(text, "flow_database_bytes") ?? 0 > 10_000)
        #expect(value(text, "flow_home_free_bytes") ?? 0 > 0)
        #expect(value(text, "flow_commits_refused_total") == 0)
        #expect(value(text, "flow_backup_age_seconds") ?? -1 >= 0)
        #expect(!text.contains("PROPFIND") && !text.contains("/nothing"), "what strangers ask for makes no series")
        try check(text)
        try await server.close()
    }

    /// By Prometheus' own tool, where it is installed.
    private func check(_ text: String) throws {
        let path = ["/usr/bin/promtool", "/usr/local/bin/promtool"].first { FileManager.default.isExecutableFile(atPath: $0) }
        guard let path else { return }
        let tool = Process()
        let (input, output) = (Pipe(), Pipe())
        tool.executableURL = URL(filePath: path)
        tool.arguments = ["check", "metrics"]
        tool.standardInput = input
        tool.standardOutput = output
        tool.standardError = output
        try tool.run()
        try input.fileHandleForWriting.write(contentsOf: Data(text.utf8))
        try input.fileHandleForWriting.close()
        let said = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        tool.waitUntilExit()
        #expect(tool.terminationStatus == 0, "\(said)")
    }
}
