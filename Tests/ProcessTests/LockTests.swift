import FlowTestKit
import Foundation
import Testing

/// A lock that is held while the engine is killed, in a real flowd.
@Suite("Locks", .serialized, .timeLimit(.minutes(5)))
struct LockTests {
    @Test func `a lock outlives the engine that gave it, and goes to the next in line when its step ends`() async throws {
        let place = try Installation()
        let first = try await place.flowd()
        let holder = try await place.start("locked.swift", "-p", "name=a", "-p", "folder=\(place.directory)")
        try await place.wait("the first run to have the lock") { FileManager.default.fileExists(atPath: place.path("begun-a")) }
        let waiter = try await place.start("locked.swift", "-p", "name=b", "-p", "folder=\(place.directory)", "--priority", "low")
        try await place.wait("the second run to wait") { try await place.state(of: waiter) == "waiting" }
        try await checkNames(place, holder, waiter)

        await first.kill()
        let second = try await place.flowd()
        #expect(try await place.state(of: waiter) == "waiting")
        try await checkNames(place, holder, waiter)
        let urgent = try await place.start("locked.swift", "-p", "name=c", "-p", "folder=\(place.directory)", "--priority", "high")
        try await place.wait("the third run to wait") { try await place.state(of: urgent) == "waiting" }
        let raised = try await place.flowctl("reprioritise", waiter, "--priority", "9", "-m", "the shop is closed")
        #expect(raised.status == 0, "\(raised)")

        for (name, next) in [("a", "b"), ("b", "c")] {
            #expect(!FileManager.default.fileExists(atPath: place.path("begun-\(next)")))
            try "".write(toFile: place.path("go-\(name)"), atomically: true, encoding: .utf8)
            try await place.wait("the lock to go from \(name) to \(next)") { FileManager.default.fileExists(atPath: place.path("begun-\(next)")) }
        }
        try "".write(toFile: place.path("go-c"), atomically: true, encoding: .utf8)
        for run in [holder, waiter, urgent] {
            try await place.wait("the end of \(run)") { try await place.state(of: run) == "succeeded" }
        }
        let doctor = try await place.flowctl("doctor")
        #expect(doctor.status == 0, "\(doctor.stdout)")
        #expect(try await place.flowctl("locks").stderr.contains("Nobody has a lock"))
        await second.terminate()
    }

    private func checkNames(_ place: Installation, _ holder: String, _ waiter: String) async throws {
        let why = try await place.flowctl("why", waiter)
        #expect(why.stdout.contains("lock 'db-test'") && why.stdout.contains("run \(holder) step 'work' has it since"), "\(why.stdout)")
        let locks = try await place.flowctl("locks", "-o", "json").json()
        let lock = try #require((locks["items"] as? [[String: Any]])?.first { $0["name"] as? String == "db-test" })
        #expect((lock["holders"] as? [[String: Any]])?.compactMap { $0["run"] as? String } == [holder])
        #expect((lock["waiting"] as? [[String: Any]])?.compactMap { $0["run"] as? String } == [waiter])
    }

    @Test func `runs of a flow that must not overlap follow one another, are refused or replaced, over a restart`() async throws {
        let place = try Installation()
        let first = try await place.flowd()
        let folder = "folder=\(place.directory)"
        let old = try await place.start("alone.swift", "-p", "name=a", "-p", folder)
        try await place.wait("the first run") { FileManager.default.fileExists(atPath: place.path("begun-a")) }
        let next = try await place.start("alone.swift", "-p", "name=b", "-p", folder)
        #expect(try await place.state(of: next) == "queued")
        let why = try await place.flowctl("why", next)
        #expect(why.stdout.contains(old), "\(why.stdout)")
        await first.kill()
        let second = try await place.flowd()
        #expect(try await place.state(of: next) == "queued")
        try "".write(toFile: place.path("go-a"), atomically: true, encoding: .utf8)
        try await place.wait("the second run") { FileManager.default.fileExists(atPath: place.path("begun-b")) }
        #expect(try await place.state(of: old) == "succeeded")
        try "".write(toFile: place.path("go-b"), atomically: true, encoding: .utf8)
        try await place.wait("the end") { try await place.state(of: next) == "succeeded" }
        await second.terminate()
    }
}
