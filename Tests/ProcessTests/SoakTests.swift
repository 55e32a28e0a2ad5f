import FlowTestKit
import Foundation
import Testing

/// Real flowd, real sshd, faults of every kind for `FLOW_SOAK_SECONDS`; then all is well, and what happened is judged.
@Suite("Soak", .serialized, .timeLimit(.minutes(2_000)))
struct SoakTests {
    @Test(.enabled(if: SSHLab.obstacle == nil, "the SSH lab cannot be had here"))
    func `whatever is killed, stopped, cut or frozen, every run ends and nothing is lost or repeated`() async throws {
        let environment = ProcessInfo.processInfo.environment
        let seconds = Double(environment["FLOW_SOAK_SECONDS"] ?? "") ?? 25
        let seed = UInt64(environment["FLOW_SEED"] ?? "") ?? UInt64.random(in: 0 ... .max)
        let place = try Installation()
        let lab = try await SSHLab.start(hosts: 4, in: place.path("lab"))
        try FileManager.default.copyItem(atPath: lab.directory + "/inventory.yaml", toPath: place.home + "/inventory.yaml")
        do {
            let loop = try await CrashLoop(place, lab, seed: seed, flows: ["torture.swift", "soak.swift"], mayRetry: true)
            let faults = try await loop.soak(seconds: seconds)
            print("soak, seed \(seed), \(Int(seconds)) s: \(faults); \(loop.story)")
            try await loop.check()
            await loop.end()
        } catch {
            await lab.stop()
            throw error
        }
        await lab.stop()
    }
}
