import FlowTestKit
import Foundation
import Testing

/// `kill -9` at random moments over a flow of more than forty steps: local, SSH, Swift, parallel, retries, an approval.
///
/// `FLOW_CRASHES` sets how many kills; the suite's own number is small enough for every run of the tests.
@Suite("Crash loop", .serialized, .timeLimit(.minutes(40)))
struct CrashLoopTests {
    @Test(.enabled(if: SSHLab.obstacle == nil, "the SSH lab cannot be had here"))
    func `no kill loses or repeats a step, or an acknowledged command`() async throws {
        let kills = Int(ProcessInfo.processInfo.environment["FLOW_CRASHES"] ?? "") ?? 20
        let seed = UInt64.random(in: 0 ... .max)
        let place = try Installation()
        let lab = try await SSHLab.start(hosts: 3, in: place.path("lab"))
        try FileManager.default.copyItem(atPath: lab.directory + "/inventory.yaml", toPath: place.home + "/inventory.yaml")
        do {
            let loop = try await CrashLoop(place, lab, seed: seed)
            try await loop.run(kills: kills)
            print("crash loop, seed \(seed): \(kills) kills, \(loop.story)")
            try await loop.check()
            await loop.end()
        } catch {
            await lab.stop()
            throw error
        }
        await lab.stop()
    }
}
