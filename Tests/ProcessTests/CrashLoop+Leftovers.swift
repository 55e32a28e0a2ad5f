import FlowTestKit
import Foundation
import Testing

/// What must not be left when all runs have ended: processes, locks, secrets, times without a record.
extension CrashLoop {
    /// A secret that the flow's steps write out, with characters that other forms write otherwise.
    static let canary = "c4n/ry+9d1f&7c3e5b"
    static let clock = "minutes"

    /// Has a schedule run a flow every minute from now on, with all that is missed.
    func wind() async throws {
        #expect(try await place.flowctl("flow", "add", Installation.fixtures + "/tick.swift").status == 0)
        let said = try await place.flowctl("schedule", "add", Self.clock, "tick", "--cron", "* * * * *", "--catch-up", "all", "--overlap", "allow")
        #expect(said.status == 0, "\(said)")
    }

    func checkLeftovers(of runs: [String]) async throws {
        try await checkTimes()
        let locks = try await place.flowctl("locks", "-o", "json").items()
        #expect(locks.isEmpty, "\(locks)")
        // The runner takes its folder away when the engine has heard of the end.
        try await place.wait("the last processes to end", seconds: 30) { self.processes(of: runs).isEmpty }
        #expect(processes(of: runs) == [])
        let files = filesWithSecret()
        #expect(files.isEmpty, "the secret is in \(files)")
    }

    /// Each minute has one record, and each record a run of its own.
    private func checkTimes() async throws {
        let shown = try await place.flowctl("schedule", "show", Self.clock, "--times", "1000", "-o", "json").json()
        let times = shown["times"] as? [[String: Any]] ?? []
        let minutes = times.compactMap { $0["at"] as? String }.compactMap { try? Date($0, strategy: .iso8601) }
        for (later, earlier) in zip(minutes, minutes.dropFirst()) {
            #expect(later.timeIntervalSince(earlier) == 60, "one record for each minute: \(earlier), \(later)")
        }
        let runs = times.compactMap { $0["run"] as? String }
        #expect(runs.count == times.count && Set(runs).count == runs.count, "\(times)")
        print("soak: \(times.count) minutes, one run for each")
    }

    /// Processes of these runs, on every host: those of the lab are this machine's too.
    private func processes(of runs: [String]) -> [String] {
        let marks = Set(runs.map { "FLOW_RUN_ID=\($0)" })
        let ids = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
        return ids.filter { id in
            // One that ends meanwhile has nothing to read.
            guard Int32(id) != nil, let bytes = FileManager.default.contents(atPath: "/proc/\(id)/environ") else { return false }
            return bytes.split(separator: 0).contains { marks.contains(String(decoding: $0, as: UTF8.self)) }
        }
    }

    /// Files of the engine, of the lab's hosts and of the logs that have the secret in them, in any form. Left out are the hosts' records, which have what a
    /// script wrote as it wrote it: one whose engine was killed before it said that it needs it no more stays until it is removed by age.
    private func filesWithSecret() -> [String] {
        let bytes = Data(Self.canary.utf8)
        let percent = Self.canary.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? ""
        let forms = [
            Self.canary, bytes.base64EncodedString(), bytes.map { String(format: "%02x", $0) }.joined(), percent,
            Self.canary.replacing("/", with: "\\/"),
        ].map { Data($0.utf8) }
        let names = FileManager.default.enumerator(atPath: place.directory)?.compactMap { $0 as? String } ?? []
        return names.filter { name in
            guard !name.contains("/spool/"), let content = FileManager.default.contents(atPath: place.path(name)) else { return false }
            return forms.contains { content.range(of: $0) != nil }
        } + (forms.contains { Data(daemon.errors.utf8).range(of: $0) != nil } ? ["flowd's log"] : [])
    }
}
