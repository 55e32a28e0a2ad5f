import FlowModel
import FlowTestKit
import Foundation
import Testing

/// What operators find out and put right with the commands alone.
@Suite("An operator's evening", .serialized, .timeLimit(.minutes(6)))
struct EveningTests {
    @Test func `a failed run is found, understood, given another input, and retried from where it failed`() async throws {
        let place = try Installation()
        for channel in ["stable"] {
            try FileManager.default.createDirectory(atPath: place.path("channels/\(channel)"), withIntermediateDirectories: true)
        }
        let flowd = try await place.flowd()
        let run = try await place.start("levels.swift", "-p", "folder=\(place.directory)", "-p", "channel=stabel", "--label", "team=pay")
        try await place.wait("the failure") { try await place.state(of: run) == "failed" }

        let found = try await place.flowctl("list", "--where", "state=failed & label.team=pay & flow=levels")
        #expect(found.stdout.contains("levels") && found.stdout.contains("failed"), "\(found)")
        let none = try await place.flowctl("list", "--where", "state=failed & label.team=web")
        #expect(!none.stdout.contains("levels"))
        let why = try await place.flowctl("why", run)
        #expect(why.stdout.contains("link") && why.stdout.contains("exited with status 3"), "\(why.stdout)")
        #expect(why.stdout.contains("flowctl logs") || why.stdout.contains("flowctl retry"), "\(why.stdout)")
        let show = try await place.flowctl("show", run)
        #expect(show.stdout.contains("publish[") && show.stdout.contains("no channel stabel"), "\(show.stdout)")

        let wrong = try await place.flowctl("retry", run, "-p", "channel=Stable1", "-m", "typo")
        #expect(wrong.status == 2 && wrong.stderr.contains("channel"), "\(wrong)")
        let unknown = try await place.flowctl("retry", run, "-p", "chanel=stable", "-m", "typo")
        #expect(unknown.status == 2 && unknown.stderr.contains("channel"), "\(unknown)")
        let retry = try await place.flowctl("retry", run, "-p", "channel=stable", "-m", "the name was mistyped")
        #expect(retry.status == 0, "\(retry)")
        try await place.wait("the end") { try await place.state(of: run) == "succeeded" }

        let ran = place.read("ran").split(separator: "\n").map(String.init)
        #expect(ran.count { $0 == "built" } == 1 && ran.count { $0 == "upload-eu" } == 1, "what succeeded is kept: \(ran)")
        #expect(Set(ran.filter { $0.hasPrefix("link-") }).count == 4 && ran.count { $0.hasPrefix("link-") } == 4, "\(ran)")
        #expect(ran.last == "announced")
        let inputs = try await place.flowctl("show", run, "-o", "json").json()["inputs"] as? [String: Any]
        #expect(inputs?["channel"] as? String == "stable")
        let doctor = try await place.flowctl("doctor")
        #expect(doctor.status == 0, "\(doctor.stdout)")
        await flowd.terminate()
    }

    @Test func `a run stops at a breakpoint, takes a signal, and two runs are compared`() async throws {
        let place = try Installation()
        let flowd = try await place.flowd()
        let one = try await place.start("signals.swift", "-p", "folder=\(place.directory)", "--hold-before", "work/mark")
        #expect(try await place.flowctl("signal", one, "go", "{\"words\":3}").status == 2, "the wrong type")
        #expect(try await place.flowctl("signal", one, "go", "{\"word\":\"early\"}").status == 0)
        try await place.wait("both elements to stop") {
            try await place.flowctl("why", one).stdout.components(separatedBy: "breakpoint").count > 2
        }
        #expect(place.read("ran") == "")
        await flowd.kill()
        let next = try await place.flowd()
        #expect(try await place.flowctl("release", one, "work[0]/mark").status == 0)
        #expect(try await place.flowctl("hold", one, "work/mark", "--remove").status == 0)
        #expect(try await place.flowctl("release", one, "work[1]/mark").status == 0)
        try await place.wait("the end") { try await place.state(of: one) == "succeeded" }
        #expect(place.read("ran").split(separator: "\n").sorted() == ["early 1", "early 2", "round", "round", "round"])
        let other = try await place.start("signals.swift", "-p", "folder=\(place.directory)")
        #expect(try await place.flowctl("signal", other, "go", "{\"word\":\"late\"}").status == 0)
        try await place.wait("the end") { try await place.state(of: other) == "succeeded" }
        let diff = try await place.flowctl("diff", one, other).stdout
        #expect(diff.contains("early") && diff.contains("late") && !diff.contains("state "), "\(diff)")
        await next.terminate()
    }

    @Test(.enabled(if: SSHLab.obstacle == nil, "the SSH lab cannot be had here"))
    func `a host is unplugged for ever in the middle: the probe settles one step, a person the other`() async throws {
        let place = try Installation()
        let lab = try await SSHLab.start(hosts: 2, in: place.path("lab"))
        try FileManager.default.copyItem(atPath: lab.directory + "/inventory.yaml", toPath: place.home + "/inventory.yaml")
        do {
            try await unplug(place, lab)
        } catch {
            await lab.stop()
            throw error
        }
    }

    private func unplug(_ place: Installation, _ lab: SSHLab) async throws {
        let flowd = try await place.flowd()
        let names = lab.hosts.map(\.host.name)
        let probed = try await place.start("payment.swift", "-p", "folder=\(place.directory)", "-p", "host=\(names[0])")
        let blind = try await place.start(
            "payment.swift", "-p", "folder=\(place.directory)", "-p", "host=\(names[1])", "-p", "asks=false")
        try await place.wait("both to pay") {
            lab.hosts.allSatisfy { FileManager.default.fileExists(atPath: $0.root + "/var/tmp/book") }
        }
        await lab.stop()
        try Data().write(to: URL(filePath: place.path("booked")))
        try await place.wait("the loss to be noticed") { try await place.flowctl("why", blind).stdout.contains("unreachable") }
        let resolved = try await place.flowctl("resolve", blind, "transfer-blind", "--as", "succeeded", "-m", "the bank says so")
        #expect(resolved.status == 0, "\(resolved)")
        try await place.wait("the first to end") { try await place.state(of: blind) == "succeeded" }
        let why = try await place.flowctl("why", blind).stdout.replacing("\n", with: " | ")
        #expect(place.read("ran") == "receipt\n", "\(why)")
        // The host's own deadline, the grace and the margin: 2 + 10 + 120 seconds.
        try await place.wait("the probe", seconds: 240) { try await place.state(of: probed) == "succeeded" }
        let step = try await place.flowctl("steps", probed, "-o", "json").items().first { $0["name"] as? String == "transfer" }
        #expect(step?["reason"] as? String == "its probe says that it took effect")
        #expect(place.read("ran").split(separator: "\n").count == 2)
        await flowd.terminate()
    }
}
