import FlowModel
import FlowTestKit
import Foundation
import Glibc
import Testing

/// A daemon that has worked and then has nothing to do, for `FLOW_IDLE_SECONDS`: what it holds must not grow, and it must rest.
///
/// Not in each run of the tests: SSH sessions and flows' processes end only after minutes, and what they leave behind shows after that.
@Suite("Idle", .serialized, .timeLimit(.minutes(2_000)))
struct IdleTests {
    /// After so long without work nothing is left that ends by itself: sessions, flows' processes, answered connections.
    private static let settledSeconds = 400.0

    private static let seconds = ProcessInfo.processInfo.environment["FLOW_IDLE_SECONDS"].flatMap { Double($0) } ?? 0

    /// What a process holds and has used.
    private struct Footprint: CustomStringConvertible {
        var descriptors: [String]
        var threads: Int
        var children: Int
        var kibibytes: Int
        var cpuSeconds: Double

        var description: String {
            "\(descriptors.count) descriptors, \(threads) threads, \(children) children, \(kibibytes) KiB, \(cpuSeconds) s of CPU"
        }

        init(of pid: Int32) throws {
            let stat = try String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8)
            // After the name, which may hold anything: state is field 3, the times are 14 and 15 in ticks, threads 20.
            let fields = stat[(stat.lastIndex(of: ")") ?? stat.startIndex)...].split(separator: " ").dropFirst().map(String.init)
            cpuSeconds = (Double(fields[11]) ?? 0) / 100 + (Double(fields[12]) ?? 0) / 100
            threads = Int(fields[17]) ?? -1
            kibibytes = (Int(fields[21]) ?? 0) * Int(getpagesize()) / 1_024
            descriptors = try FileManager.default.contentsOfDirectory(atPath: "/proc/\(pid)/fd").compactMap {
                try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(pid)/fd/\($0)")
            }
            children = try FileManager.default.contentsOfDirectory(atPath: "/proc/\(pid)/task").reduce(0) { count, thread in
                let text = (try? String(contentsOfFile: "/proc/\(pid)/task/\(thread)/children", encoding: .utf8)) ?? ""
                return count + text.split(separator: " ").count
            }
        }
    }

    @Test(.enabled(if: SSHLab.obstacle == nil && seconds > 0, "takes FLOW_IDLE_SECONDS and the SSH lab"))
    func `a daemon that has nothing to do holds and uses nothing more`() async throws {
        let place = try Installation()
        let lab = try await SSHLab.start(hosts: 4, in: place.path("lab"))
        try FileManager.default.copyItem(atPath: lab.directory + "/inventory.yaml", toPath: place.home + "/inventory.yaml")
        do {
            let daemon = try await place.flowd()
            let fresh = try Footprint(of: daemon.pid)
            try await work(place, lab)
            try await Task.sleep(for: .seconds(Self.settledSeconds))
            let settled = try Footprint(of: daemon.pid)
            try await Task.sleep(for: .seconds(Self.seconds))
            let end = try Footprint(of: daemon.pid)
            print("idle: fresh \(fresh); settled \(settled); after \(Int(Self.seconds)) s more \(end)")
            let own = Set(fresh.descriptors)
            #expect(settled.descriptors.filter { $0.hasPrefix("socket:") && !own.contains($0) } == [], "a connection was left")
            #expect(end.descriptors.count <= settled.descriptors.count, "\(settled.descriptors) became \(end.descriptors)")
            #expect(settled.children == 0, "a program was left")
            #expect(end.threads <= settled.threads)
            #expect(end.kibibytes <= settled.kibibytes + 8_192)
            #expect(end.cpuSeconds - settled.cpuSeconds <= 0.5 + Self.seconds / 200, "it is busy with nothing")
            await daemon.kill()
        } catch {
            await lab.stop()
            throw error
        }
        await lab.stop()
    }

    /// A bit of everything: steps here and on hosts, Swift steps, rollouts, a lost connection, a host that is not there, answers to people.
    private func work(_ place: Installation, _ lab: SSHLab) async throws {
        for host in lab.hosts { try await place.flowctl("ping", host.host.name) }
        let ledger = place.path("ledger")
        let run = try await place.start("torture.swift", "-p", "ledger=\(ledger)")
        try await place.wait("the run to wait or end", seconds: 120) {
            let state = try await place.state(of: run)
            return state != "running" && state != "queued"
        }
        for host in lab.hosts { _ = lab.cutConnections(of: host) }
        for host in lab.hosts { try await place.flowctl("ping", host.host.name) }
        try await place.flowctl("cancel", run)
        for command in ["list", "doctor", "hosts"] { try await place.flowctl(command) }
    }
}
