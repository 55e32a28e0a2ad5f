import FlowDSL
import FlowModel
import Testing

private struct Chores: Flow {
    @Param("Version") var version: String
    static let triggers: [Trigger] = [
        .cron("0 3 * * 1-5", timeZone: "Asia/Shanghai", inputs: ["version": "1.4.2", "count": 3, "hosts": ["a", "b"]], overlap: .queue),
        .alarm("07:30 Sat,Sun", named: "weekend", catchUp: .none), .at("2026-03-29 14:30"),
    ]
    var body: some FlowBody { shell("a", "true") }
}

private struct Quiet: Flow {
    var body: some FlowBody { shell("a", "true") }
}

@Suite("Triggers", .timeLimit(.minutes(10)))
struct TriggerTests {
    @Test func `triggers stand in the plan as schedules, and a flow without any has the plan that it had`() throws {
        let triggers = try #require(plan(Chores.self).triggers)
        #expect(triggers.map(\.name) == ["1", "weekend", "3"])
        var first = ScheduleSpec(flow: "chores")
        (first.cron, first.timeZone, first.overlap, first.isTrigger) = ("0 3 * * 1-5", "Asia/Shanghai", .queue, true)
        first.inputs = ["version": "1.4.2", "count": 3, "hosts": ["a", "b"]]
        #expect(triggers[0].schedule == first)
        #expect(triggers[1].schedule.alarm == "07:30 Sat,Sun")
        #expect(triggers[1].schedule.catchUp == ScheduleSpec.CatchUp.none)
        #expect(triggers[2].schedule.at == "2026-03-29 14:30")
        #expect(plan(Quiet.self).triggers == nil)
        #expect(!String(decoding: try plan(Quiet.self).canonicalBytes, as: UTF8.self).contains("triggers"))
    }
}
