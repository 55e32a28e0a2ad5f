import FlowTestKit
import Foundation

/// `true` once on each of 100 hosts, 64 at a time, host record included, beside the parallel-ssh library on the same hosts.
///
/// The hosts are real sshd processes on this machine. Each side connects anew in each round: the daemons close connections that nobody
/// uses, so that Flow finds none of the round before. Rounds alternate; the first of each side is not counted.
enum HostsBenchmark {
    private static let hosts = 100
    private static let width = 64
    private static let rounds = 5
    /// Seconds until sshd closes a connection without a session. More than a busy machine takes from login to command.
    private static let unusedSeconds = 4

    private struct Round: Decodable {
        var wallSeconds: Double
        var cpuMillisecondsPerHost: Double
    }

    static func run() async throws {
        if let obstacle = SSHLab.obstacle { throw BenchmarkFailure(obstacle) }
        try await withDirectory { directory in
            var options = LabOptions()
            options.sshdLines = ["UnusedConnectionTimeout \(unusedSeconds)s"]
            let lab = try await SSHLab.start(hosts: hosts, in: directory + "/lab", options: options)
            do {
                try await measure(lab.directory + "/inventory.yaml", directory)
            } catch {
                await lab.stop()
                throw error
            }
            await lab.stop()
        }
    }

    private static func measure(_ inventory: String, _ directory: String) async throws {
        let server = try await ServerUnderTest(in: directory, inventory: inventory)
        defer { server.stop() }
        let sockets = try server.openSockets()
        let peer = try PacedPeer("parallel_ssh_true.py", [inventory, "--width", String(width), "--paced"])
        defer { peer.stop() }
        var ours: [Round] = []
        var theirs: [Round] = []
        for _ in 0...rounds {
            theirs.append(try peer.round(Round.self))
            ours.append(try await round(on: server))
            try await until("the hosts closed the connections") { try server.openSockets() <= sockets }
        }
        try report(Array(ours.dropFirst()), Array(theirs.dropFirst()))
    }

    private static func report(_ ours: [Round], _ theirs: [Round]) throws {
        let note = "ceiling: parallel-ssh (libssh2), which keeps no record and checks no host key; medians of \(rounds) alternating rounds"
        try Figure(
            figure: "true on 100 hosts, 64 at a time: CPU of the engine", value: median(ours.map(\.cpuMillisecondsPerHost)),
            unit: "ms/host", ceiling: median(theirs.map(\.cpuMillisecondsPerHost)), target: .atMost(1.5, of: .ratio), note: note
        ).print()
        try Figure(
            figure: "true on 100 hosts, 64 at a time: wall", value: median(ours.map(\.wallSeconds)), unit: "s",
            ceiling: median(theirs.map(\.wallSeconds)), target: .atMost(1.3, of: .ratio), note: note
        ).print()
    }

    /// One run of `exec` on all hosts. Its wall time is what the run itself says.
    private static func round(on server: ServerUnderTest) async throws -> Round {
        struct Run: Decodable {
            var id: String
            var state: String
            var createdAt: String
            var endedAt: String?
        }
        struct Page: Decodable { var items: [Run] }
        let cpu = try server.cpuSeconds()
        let body = #"{"exec":{"selector":"group:lab","command":"true","width":\#(width)}}"#
        let started = try JSONDecoder().decode(Run.self, from: server.ask("POST", "/v1/runs", body))
        var run = started
        // The newest run of the list: without its hundred steps, which would cost the engine more than the hosts do.
        try await until("run \(started.id) ended") {
            run = try JSONDecoder().decode(Page.self, from: server.ask("GET", "/v1/runs?limit=1")).items.first ?? started
            return run.endedAt != nil
        }
        guard run.id == started.id, run.state == "succeeded", let endedAt = run.endedAt else { throw BenchmarkFailure("run \(run.id) \(run.state)") }
        let format = Date.ISO8601FormatStyle(includingFractionalSeconds: true)
        let wall = try Date(endedAt, strategy: format).timeIntervalSince(Date(run.createdAt, strategy: format))
        return Round(wallSeconds: wall, cpuMillisecondsPerHost: (try server.cpuSeconds() - cpu) * 1000 / Double(hosts))
    }

    private static func until(_ what: String, _ isSo: () throws -> Bool) async throws {
        let end = ContinuousClock.now + .seconds(120)
        while try !isSo() {
            guard ContinuousClock.now < end else { throw BenchmarkFailure("waited in vain until \(what)") }
            try await Task.sleep(for: .milliseconds(200))
        }
    }
}
