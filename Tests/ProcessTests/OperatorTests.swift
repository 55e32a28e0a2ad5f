import FlowModel
import FlowTestKit
import Foundation
import Testing

/// What people do to runs, through flowctl and flowd.
@Suite("Operator verbs", .serialized, .timeLimit(.minutes(5)))
struct OperatorTests {
    @Test(.enabled(if: SSHLab.obstacle == nil, "the SSH lab cannot be had here"))
    func `cancelled is said when no process is left, here and on a host`() async throws {
        let place = try Installation()
        let lab = try await SSHLab.start(hosts: 1, in: place.path("lab"))
        try FileManager.default.copyItem(atPath: lab.directory + "/inventory.yaml", toPath: place.home + "/inventory.yaml")
        do {
            try await cancel(place)
        } catch {
            await lab.stop()
            throw error
        }
        await lab.stop()
    }

    private func cancel(_ place: Installation) async throws {
        let flowd = try await place.flowd()
        let seconds = "1\(UInt32.random(in: 100_000_000...999_999_999))"
        let run = try await place.start("clingy.swift", "-p", "seconds=\(seconds)")
        // Four here, four on the host.
        try await place.wait("eight sleeping processes") { processes(with: seconds).count == 8 }
        #expect(try await place.flowctl("cancel", run, "-m", "enough").status == 0)
        try await place.wait("the end") { try await place.state(of: run) == "cancelled" }
        #expect(processes(with: seconds).isEmpty)
        let steps = try await place.flowctl("steps", run, "-o", "json").items()
        let attempts = steps.flatMap { $0["attempts"] as? [[String: Any]] ?? [] }
        #expect(attempts.count == 2)
        for attempt in attempts {
            #expect(attempt["state"] as? String == "cancelled")
            #expect(["cgroup", "session"].contains(attempt["containment"] as? String))
        }
        await flowd.terminate()
    }

    /// Programs that were started with the argument.
    private func processes(with argument: String) -> [String] {
        let all = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
        return all.filter { pid in
            guard Int(pid) != nil, let line = FileManager.default.contents(atPath: "/proc/\(pid)/cmdline") else { return false }
            let words = String(decoding: line, as: UTF8.self).split(separator: "\0")
            return words.first?.hasSuffix("sleep") == true && words.last.map(String.init) == argument
        }
    }

    @Test func `nothing starts in a paused run, and a retry keeps what succeeded`() async throws {
        let place = try Installation()
        let flowd = try await place.flowd()
        let run = try await place.start("six.swift", "-p", "folder=\(place.directory)")
        try await place.wait("three at work") { ran(place).count == 3 }
        #expect(try await place.flowctl("pause", run, "-m", "lunch").status == 0)
        try "".write(toFile: place.path("free"), atomically: true, encoding: .utf8)
        try await place.wait("the pause") { try await place.state(of: run) == "paused" }
        #expect(ran(place).count == 3)
        #expect(try await place.flowctl("resume", run).status == 0)
        try await place.wait("the failure") { try await place.state(of: run) == "failed" }
        #expect(ran(place).sorted() == ["a", "b", "c", "d", "e", "f", "last"])
        try "".write(toFile: place.path("well"), atomically: true, encoding: .utf8)
        #expect(try await place.flowctl("retry", run, "-m", "it is well now").status == 0)
        try await place.wait("the end") { try await place.state(of: run) == "succeeded" }
        #expect(ran(place).sorted() == ["a", "b", "c", "d", "e", "f", "last", "last"])
        await flowd.terminate()
    }

    private func ran(_ place: Installation) -> [String] { place.read("ran").split(separator: "\n").map(String.init) }
}
