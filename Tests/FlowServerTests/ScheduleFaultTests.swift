import FlowAPI
import FlowEngine
import FlowModel
import FlowSchedules
import FlowServer
import FlowStoreSQLite
import FlowWire
import Foundation
import Synchronization
import Testing

/// What becomes of times when something fails that is not their fault.
@Suite("Schedules and faults", .timeLimit(.minutes(5)))
struct ScheduleFaultTests {
    private func states(_ house: ScheduleHouse, _ name: String = "s") async throws -> [String] { try await house.states(name) }

    // MARK: - Faults of the moment

    @Test(arguments: [FlowError.Code.storage, .overloaded])
    func `a time that cannot be decided now has no record, is decided when it can be, and holds no other schedule up`(
        _ code: FlowError.Code
    ) async throws {
        let home = try TemporaryHome()
        defer { home.remove() }
        let house = try await ScheduleHouse(home: home, clock: try ManualClock("2026-01-01T00:30:00Z"))
        try await house.put("s", flow: "quick") { $0.cron = "0 * * * *" }
        try await house.put("a", flow: "open") { $0.cron = "0 * * * *" }
        house.faults["quick"] = .thrown(FlowError(code, subject: "x", "Not now."))
        try await house.pass(to: "2026-01-01T01:00:30Z", stepSeconds: 10)
        #expect(try await states(house) == [])
        #expect(try await states(house, "a") == ["run"])
        #expect(try await house.book.schedule("s")?.fault?.contains("Not now.") == true)
        house.faults["quick"] = nil
        try await house.pass(to: "2026-01-01T01:00:50Z", stepSeconds: 5)
        #expect(try await states(house) == ["run"])
        #expect(try await house.book.schedule("s")?.fault == nil)
        try await house.close()
    }

    @Test func `what a stop breaks off is not recorded, and the next engine decides it`() async throws {
        let home = try TemporaryHome()
        defer { home.remove() }
        let clock = try ManualClock("2026-01-01T00:30:00Z")
        var house = try await ScheduleHouse(home: home, clock: clock)
        for name in ["s", "t"] { try await house.put(name) { $0.cron = "0 * * * *" } }
        clock.set(try moment("2026-01-01T01:00:00Z"))
        house.faults["quick"] = .stop
        let scheduler = house.scheduler
        _ = await Task { await scheduler.turn() }.value
        for name in ["s", "t"] { #expect(try await states(house, name) == []) }
        try await house.close()
        house = try await ScheduleHouse(home: home, clock: clock)
        _ = await house.scheduler.turn()
        for name in ["s", "t"] { #expect(try await states(house, name) == ["run"]) }
        try await house.close()
    }

    @Test func `a file that is just being written costs no time, and one that stays as it is is said in the record after a minute`() async throws {
        let home = try TemporaryHome()
        defer { home.remove() }
        let house = try await ScheduleHouse(home: home, clock: try ManualClock("2026-01-01T00:30:00Z"))
        try await house.put("s") { $0.cron = "0 * * * *" }
        let fault = StartFaults.Fault.thrown(FlowError(.load, subject: "inventory.yaml", "It has a fault in line 7."))
        house.faults["quick"] = fault
        try await house.pass(to: "2026-01-01T01:00:30Z", stepSeconds: 10)
        #expect(try await states(house) == [])
        house.faults["quick"] = nil
        try await house.pass(to: "2026-01-01T01:30:00Z", stepSeconds: 10)
        house.faults["quick"] = fault
        try await house.pass(to: "2026-01-01T02:02:00Z", stepSeconds: 10)
        #expect(try await states(house) == ["run", "refused"])
        try await house.close()
    }

    @Test func `who pauses or removes a schedule is not kept from it by what cannot be decided`() async throws {
        let home = try TemporaryHome()
        defer { home.remove() }
        let house = try await ScheduleHouse(home: home, clock: try ManualClock("2026-01-01T00:30:00Z"))
        try await house.put("s") { $0.cron = "0 * * * *" }
        house.faults["quick"] = .thrown(FlowError(.storage, subject: "secret", "The key is lost."))
        try await house.pass(to: "2026-01-01T01:00:30Z", stepSeconds: 10)
        _ = try await house.book.pause("s", Wire.SchedulePause(reason: "look"), by: ScheduleHouse.alice)
        #expect(try await states(house) == ["refused"])
        try await house.book.remove(schedule: "s", by: ScheduleHouse.alice)
        try await house.close()
    }

    @Test func `a time that waits goes on waiting while it cannot be decided`() async throws {
        let home = try TemporaryHome()
        defer { home.remove() }
        let house = try await ScheduleHouse(home: home, clock: try ManualClock("2026-01-01T00:30:00Z"))
        try await house.put("s", flow: "open") { ($0.cron, $0.overlap) = ("0 1,2 * * *", .queue) }
        try await house.pass(to: "2026-01-01T02:30:00Z", stepSeconds: 900)
        let rows = try await house.book.occurrences(of: "s", isMissed: false, before: nil, limit: 10)
        _ = try await house.engine.perform(.cancel, on: try #require(rows.compactMap(\.run).first), by: ScheduleHouse.alice)
        house.faults["open"] = .thrown(FlowError(.storage, subject: "x", "Not now."))
        try await house.releaseQueue()
        #expect(try await states(house) == ["run", "overlap"])
        house.faults["open"] = nil
        try await house.pass(to: "2026-01-01T02:30:05Z", stepSeconds: 1)
        #expect(try await states(house) == ["run", "run"])
        try await house.close()
    }

    // MARK: - Calendars

    private func put(_ text: String?, _ home: TemporaryHome) throws {
        try FileManager.default.createDirectory(atPath: home.path + "/calendars", withIntermediateDirectories: true)
        if let text { try home.write("calendars/c.txt", text) } else { try FileManager.default.removeItem(atPath: home.path + "/calendars/c.txt") }
    }

    @Test func `a calendar that is changed counts from then on, and one that is gone stands still and is told`() async throws {
        let home = try TemporaryHome()
        defer { home.remove() }
        try put("*-12-25", home)
        let house = try await ScheduleHouse(home: home, clock: try ManualClock("2026-01-01T00:30:00Z"))
        let told = Mutex(0)
        await house.scheduler.listen { told.withLock { $0 += 1 } }
        try await house.put("s") { ($0.cron, $0.calendars, $0.overlap) = ("0 * * * *", ["c"], .allow) }
        try await house.put("other") { ($0.cron, $0.overlap) = ("0 * * * *", .allow) }
        try await house.pass(to: "2026-01-01T01:30:00Z", stepSeconds: 600)
        try put("*-12-25\n2026-01-01 out", home)
        #expect(try await house.book.next("s", limit: 1).map(\.reason) == [.holiday])
        try await house.pass(to: "2026-01-01T02:30:00Z", stepSeconds: 600)
        try put("*-12-25\n", home)
        try await house.pass(to: "2026-01-01T03:30:00Z", stepSeconds: 600)
        #expect(try await states(house) == ["run", "holiday", "run"])
        #expect(told.withLock { $0 } == 0)
        try put(nil, home)
        try await house.pass(to: "2026-01-01T04:30:00Z", stepSeconds: 600)
        #expect(try await house.book.schedule("s")?.fault?.contains("There is no calendar 'c'") == true)
        #expect(told.withLock { $0 } == 1)
        await #expect(throws: FlowError.self) { try await house.book.next("s", limit: 1) }
        try put("*-12-25", home)
        try await house.pass(to: "2026-01-01T05:30:00Z", stepSeconds: 600)
        #expect(try await house.book.schedule("s")?.fault == nil)
        #expect(told.withLock { $0 } == 2)
        // It stood still for one time, which is caught up, and comes to the next.
        #expect(try await states(house) == ["run", "holiday", "run", "run", "run"])
        #expect(try await states(house, "other") == ["run", "run", "run", "run", "run"])
        try await house.close()
    }

    // MARK: - Restore

    @Test func `times from before a restore do not run, also when the schedule's calendar comes back after a restart`() async throws {
        let home = try TemporaryHome()
        defer { home.remove() }
        try put("*-12-25", home)
        let clock = try ManualClock("2026-01-01T00:30:00Z")
        var house = try await ScheduleHouse(home: home, clock: clock)
        try await house.put("s") {
            ($0.cron, $0.calendars, $0.overlap, $0.catchUp, $0.maxAgeSeconds) = ("0 * * * *", ["c"], .allow, .all, 30 * 86_400)
        }
        try await house.pass(to: "2026-01-01T01:30:00Z", stepSeconds: 600)
        try await house.close()
        // The backup is of now. The calendar is not in it.
        try put(nil, home)
        clock.set(try moment("2026-01-01T04:30:00Z"))
        house = try await ScheduleHouse(home: home, clock: clock, isRestored: true)
        let (store, at) = (house.store, try #require(await house.scheduler.restoredAt))
        try await house.engine.exclusively { _ in try store.acceptRestore(at: at) }
        try await house.close()
        try put("*-12-25", home)
        house = try await ScheduleHouse(home: home, clock: clock)
        try await house.pass(to: "2026-01-01T05:30:00Z", stepSeconds: 600)
        #expect(try await states(house) == ["run", "missed", "missed", "missed", "run"])
        try await house.close()
    }

    @Test func `a restore by a clock that was ahead bars no time to come`() async throws {
        let home = try TemporaryHome()
        defer { home.remove() }
        let clock = try ManualClock("2027-01-01T00:30:00Z")
        var house = try await ScheduleHouse(home: home, clock: clock, isRestored: true)
        let (store, at) = (house.store, try #require(await house.scheduler.restoredAt))
        try await house.engine.exclusively { _ in try store.acceptRestore(at: at) }
        try await house.close()
        clock.set(try moment("2026-01-01T00:30:00Z"))
        for day in 1...2 {
            house = try await ScheduleHouse(home: home, clock: clock)
            if day == 1 { try await house.put("s") { $0.cron = "0 1 * * *" } }
            try await house.pass(to: "2026-01-0\(day)T02:00:00Z", stepSeconds: 600)
            try await house.close()
        }
        house = try await ScheduleHouse(home: home, clock: clock)
        #expect(try await states(house) == ["run", "run"])
        try await house.close()
    }

    // MARK: - Removal

    @Test func `what waits is skipped in the very transaction that removes its schedule`() async throws {
        let home = try TemporaryHome()
        defer { home.remove() }
        let clock = try ManualClock("2026-01-01T00:30:00Z")
        var house = try await ScheduleHouse(home: home, clock: clock)
        try await house.put("s", flow: "open") { ($0.cron, $0.overlap) = ("0 1,2 * * *", .queue) }
        try await house.pass(to: "2026-01-01T02:30:00Z", stepSeconds: 900)
        let run = try #require(try await house.book.occurrences(of: "s", isMissed: false, before: nil, limit: 10).compactMap(\.run).first)
        // Killed behind it.
        #expect(try await Schedules(house.store).remove("s", by: ScheduleHouse.alice, at: clock.now))
        #expect(try await Schedules(house.store).queued() == [])
        try await house.close()
        house = try await ScheduleHouse(home: home, clock: clock)
        try await house.put("s", flow: "open") { ($0.cron, $0.overlap) = ("0 1,2 * * *", .queue) }
        _ = try await house.engine.perform(.cancel, on: run, by: ScheduleHouse.alice)
        try await house.releaseQueue()
        let rows = try await house.book.occurrences(of: "s", isMissed: false, before: nil, limit: 10)
        #expect(rows.map(\.state) == [.skipped, .run])
        #expect(rows.first?.detail == Schedules.removedWhileWaiting)
        try await house.close()
    }

    @Test func `a time that waits for a schedule which is gone is skipped when an engine starts`() async throws {
        let home = try TemporaryHome()
        defer { home.remove() }
        let clock = try ManualClock("2026-01-01T02:30:00Z")
        var house = try await ScheduleHouse(home: home, clock: clock)
        let row = OccurrenceRow(
            schedule: "s", nominal: "2026-01-01T02:00+00:00[UTC]", at: try moment("2026-01-01T02:00:00Z"), wall: 0, revision: 1, state: .queued,
            reason: .overlap, recordedAt: clock.now)
        _ = try await house.engine.record([OccurrenceRequest(row: row, actor: .engine)])
        #expect(try await Schedules(house.store).queued().count == 1)
        try await house.close()
        house = try await ScheduleHouse(home: home, clock: clock)
        #expect(try await Schedules(house.store).queued() == [])
        #expect(try await Schedules(house.store).occurrences(of: "s", limit: 10).map(\.detail) == [Schedules.removedWhileWaiting])
        try await house.close()
    }
}
