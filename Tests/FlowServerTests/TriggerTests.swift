import FlowAPI
import FlowModel
import FlowServer
import FlowWire
import Testing

@Suite("Triggers of flow files", .timeLimit(.minutes(10)))
struct TriggerTests {
    private func trigger(_ name: String, _ change: (inout ScheduleSpec) -> Void) -> TriggerSpec {
        var spec = ScheduleSpec(flow: "quick")
        spec.isTrigger = true
        change(&spec)
        return TriggerSpec(name: name, schedule: spec)
    }

    @Test func `a flow's schedules are those that its file names, and others are left alone`() async throws {
        let house = try await ScheduleHouse(home: try TemporaryHome(), clock: try ManualClock("2026-03-01T12:00:00Z"))
        try await house.put("own") { $0.cron = "0 1 * * *" }
        let nightly = trigger("nightly") { $0.cron = "0 3 * * *" }
        let once = trigger("once") { $0.at = "2026-03-02 14:30" }
        try await house.book.adopt([nightly, once], of: "quick", by: ScheduleHouse.alice)
        #expect(try await house.book.schedules(after: nil, limit: 1_000).map(\.name) == ["own", "quick.nightly", "quick.once"])

        // The same again changes nothing; another time is a new revision; what was once is no mistake later.
        try await house.pass(to: "2026-03-03T12:00:00Z", stepSeconds: 3_600)
        let later = trigger("nightly") { $0.cron = "0 4 * * *" }
        try await house.book.adopt([nightly, once], of: "quick", by: ScheduleHouse.alice)
        #expect(try await house.book.schedule("quick.nightly")?.revision == 1)
        try await house.book.adopt([later, once, trigger("over") { $0.at = "2026-03-02 14:30" }], of: "quick", by: ScheduleHouse.alice)
        #expect(try await house.book.schedule("quick.nightly")?.revision == 2)
        #expect(try await house.book.schedule("quick.over") == nil)
        #expect(try await house.states("quick.once") == ["run"])
        #expect(try await house.states("quick.nightly") == ["run", "run"])

        try await house.book.adopt([], of: "quick", by: ScheduleHouse.alice)
        #expect(try await house.book.schedules(after: nil, limit: 1_000).map(\.name) == ["own"])
        await #expect(throws: FlowError.self) {
            try await house.book.adopt(
                [trigger("mars") { ($0.cron, $0.timeZone) = ("0 3 * * *", "Mars/Olympus") }], of: "quick", by: ScheduleHouse.alice)
        }
        try await house.close()
    }

    @Test func `of several triggers those that are right are taken, and each that is not is told`() async throws {
        let house = try await ScheduleHouse(home: try TemporaryHome(), clock: try ManualClock("2026-03-01T12:00:00Z"))
        let good = trigger("2") { $0.cron = "0 3 * * *" }
        let bad = trigger("1") { ($0.cron, $0.timeZone) = ("0 3 * * *", "Asia/Shangai") }
        do {
            try await house.book.adopt([bad, good], of: "quick", by: ScheduleHouse.alice)
            Issue.record("a zone that is none was taken")
        } catch let error as FlowError {
            #expect(error.message == "Flow 'quick' is registered, but 1 of its 2 triggers was not taken; the others are.")
            #expect(error.errors.map(\.subject) == ["quick.1"])
        }
        #expect(try await house.book.schedules(after: nil, limit: 1_000).map(\.name) == ["quick.2"])
        let changed = trigger("2") { ($0.cron, $0.timeZone) = ("0 3 * * *", "Asia/Shangai") }
        let error = await #expect(throws: FlowError.self) {
            try await house.book.adopt([changed], of: "quick", by: ScheduleHouse.alice)
        }
        #expect(error?.errors.first?.message.contains("It stays as it was before.") == true)
        try await house.close()
    }
}
