import FlowTestKit
import Foundation
import Testing

/// A freeze that begins while a rollout is under way, over real hosts, and the way past it.
@Suite("Freezes", .serialized, .timeLimit(.minutes(5)))
struct FreezeTests {
    @Test(.enabled(if: SSHLab.obstacle == nil, "the SSH lab cannot be had here"))
    func `a batch that runs ends, the next one waits for the freeze, and a second person breaks the glass`() async throws {
        let place = try Installation()
        let lab = try await SSHLab.start(hosts: 10, in: place.path("lab"))
        try FileManager.default.copyItem(atPath: lab.directory + "/inventory.yaml", toPath: place.home + "/inventory.yaml")
        do {
            try await freeze(place)
        } catch {
            await lab.stop()
            throw error
        }
        await lab.stop()
    }

    private func freeze(_ place: Installation) async throws {
        let port = try Loopback.freePort()
        try "listen: 127.0.0.1:\(port)\n".write(toFile: place.home + "/flowd.yaml", atomically: true, encoding: .utf8)
        let flowd = try await place.flowd()
        let manager = try await place.login("rita", "viewer", "release-manager", port: port)
        let bystander = try await place.login("otto", "operator", port: port)
        let run = try await place.start("batches.swift", "-p", "folder=\(place.directory)")
        try await letGo(place, after: 2)
        try await place.wait("the second batch") { begun(place) == 4 }

        let until = "2099-01-03T08:00:00Z"
        let added = try await place.flowctl("freeze", "add", "year-end", "-m", "the books are closed", "--flow", "batch*", "--until", until)
        #expect(added.status == 0, "\(added)")
        // Of the second batch nothing is interrupted, and of the third nothing begins.
        #expect(try await place.state(of: run) == "running")
        try await letGo(place, after: 4)
        try await place.wait("the freeze to hold it") { try await waits(place, run) == ["freeze"] }
        #expect(begun(place) == 4)
        #expect(try await outcomes(place, run) == Array(repeating: "ok", count: 4) + Array(repeating: "notStarted", count: 6))

        let why = try await place.flowctl("why", run)
        #expect(why.stdout.contains("year-end") && why.stdout.contains("the books are closed"), "\(why.stdout)")
        #expect(why.stdout.contains("2099-01-03") && why.stdout.contains("--break-glass"), "\(why.stdout)")
        #expect(why.stdout.contains("admin or release-manager"), "\(why.stdout)")

        // Who started it, who has no role for it, and who does not say why.
        #expect(try await place.flowctl("release", run, "deploy", "--break-glass", "-m", "now").status == 4)
        #expect(try await place.flowctl("release", run, "deploy", "--break-glass", "-m", "now", as: bystander).status == 4)
        #expect(try await place.flowctl("release", run, "deploy", "--break-glass", as: manager).status == 2)
        #expect(try await place.flowctl("release", run, "deploy", as: bystander).status == 4)
        let broken = try await place.flowctl("release", run, "deploy", "--break-glass", "-m", "a hole is open", as: manager)
        #expect(broken.status == 0, "\(broken)")
        try await place.wait("the third batch") { begun(place) == 6 }
        try await letGo(place, after: 6)
        try await place.wait("the freeze to hold the fourth") { try await waits(place, run) == ["freeze"] }
        #expect(begun(place) == 6)
        try await checkTrail(place, run, manager, port)

        // The engine is killed while it waits; the freeze is lifted after that.
        await flowd.kill()
        let again = try await place.flowd()
        #expect(try await waits(place, run) == ["freeze"])
        #expect(try await place.flowctl("freeze", "remove", "year-end").status == 0)
        try await letGo(place, after: 8)
        try await letGo(place, after: 10)
        try await place.wait("the end") { try await place.state(of: run) == "succeeded" }
        #expect(begun(place) == 10)
        let doctor = try await place.flowctl("doctor")
        #expect(doctor.status == 0, "\(doctor.stdout)")
        await again.terminate()
    }

    private func checkTrail(_ place: Installation, _ run: String, _ manager: Login, _ port: UInt16) async throws {
        let boss = try await place.login("boss", "admin", port: port)
        let trail = try await audit(boss)
        let entry = try #require(trail.first { $0["verb"] as? String == "run.break-glass" })
        #expect(entry["actor"] as? String == "rita")
        #expect(entry["subject"] as? String == run)
        let detail = try #require(entry["detail"] as? [String: Any])
        #expect(detail["message"] as? String == "a hole is open")
        #expect((detail["gates"] as? [String])?.first?.contains("year-end") == true)
        #expect(trail.contains { $0["verb"] as? String == "freeze.put" && $0["subject"] as? String == "year-end" })
    }

    private func audit(_ login: Login) async throws -> [[String: Any]] {
        let curl = try Program(
            "/usr/bin/curl", ["-sS", "-H", "Authorization: Bearer \(login.token)", "\(login.server)/v1/audit?limit=100"], environment: [:],
            in: NSTemporaryDirectory())
        await curl.ended()
        return try curl.said().items()
    }

    // MARK: -

    /// Lets the targets that have begun end.
    private func letGo(_ place: Installation, after count: Int) async throws {
        try await place.wait("\(count) targets") { begun(place) == count }
        for name in place.read("begun").split(separator: "\n") {
            try "".write(toFile: place.path("go-\(name)"), atomically: true, encoding: .utf8)
        }
    }

    private func begun(_ place: Installation) -> Int { place.read("begun").split(separator: "\n").count }

    private func waits(_ place: Installation, _ run: String) async throws -> [String] {
        let shown = try await place.flowctl("show", run, "-o", "json").json()
        return (shown["waitingFor"] as? [[String: Any]] ?? []).compactMap { $0["kind"] as? String }
    }

    private func outcomes(_ place: Installation, _ run: String) async throws -> [String] {
        try await place.flowctl("rollout", run, "deploy", "-o", "json").items().map { $0["outcome"] as? String ?? "" }
    }
}
