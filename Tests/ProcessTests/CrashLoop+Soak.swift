import FlowTestKit
import Foundation
import Glibc
import Testing

/// Faults of every kind, one after the other, while people work.
extension CrashLoop {
    /// What was done to it.
    struct Faults: CustomStringConvertible {
        var kills = 0
        var stops = 0
        var refusals = 0
        var cuts = 0
        var freezes = 0

        var description: String {
            "\(kills) kills, \(stops) stops of flowd with \(refusals) second ones refused, \(cuts) cut and \(freezes) frozen connections"
        }
    }

    private static let people = 3

    /// Disturbs it for so long, then lets everybody come to their ends.
    func soak(seconds: Double) async throws -> Faults {
        var faults = Faults()
        try await wind()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for person in 1...Self.people { group.addTask { try await self.work(person) } }
            let end = ContinuousClock.now + .seconds(seconds)
            while ContinuousClock.now < end {
                try await Task.sleep(for: .milliseconds(number(in: 100...2_500)))
                try await disturb(&faults)
            }
            finish()
            try await group.waitForAll()
        }
        return faults
    }

    private func disturb(_ faults: inout Faults) async throws {
        let host = lab.hosts[number(in: 0...lab.hosts.count - 1)]
        switch number(in: 0...5) {
        case 0, 1:
            faults.kills += 1
            await daemon.kill()
            try await begin()
        case 2:
            faults.stops += 1
            daemon.signal(SIGSTOP)
            // It holds the home as long as it lives.
            let other = try place.spawn("flowd", [])
            try await place.wait("a second flowd to refuse", seconds: 20) { !other.isAlive }
            #expect(other.status != 0, "\(other.errors)")
            faults.refusals += 1
            try await Task.sleep(for: .milliseconds(number(in: 500...6_000)))
            daemon.signal(SIGCONT)
        case 3, 4: faults.cuts += lab.cutConnections(of: host)
        default:
            faults.freezes += lab.freezeConnections(of: host, true)
            try await Task.sleep(for: .milliseconds(number(in: 500...8_000)))
            _ = lab.freezeConnections(of: host, false)
        }
    }
}
