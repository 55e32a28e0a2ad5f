import FlowModel
import FlowSchedules
import Testing

@Suite(.timeLimit(.minutes(10))) struct ScheduleRuleTests {
    private func nightly(_ text: String, _ change: ClockChange? = nil) throws -> Recurrence {
        Recurrence(.cron(try CronExpression(text)), in: try zone("Europe/Berlin"), clockChange: change)
    }

    @Test func `A time of the day comes once a day through gap and fold, and has one name for ever`() throws {
        let recurrence = try nightly("30 2 * * *")
        #expect(
            try recurrence.next(3, after: "2026-03-28T00:00:00Z").map { "\($0.nominal) \($0.at)" } == [
                "2026-03-28T02:30+01:00[Europe/Berlin] 2026-03-28T01:30:00.000Z",
                "2026-03-29T02:30+01:00[Europe/Berlin] 2026-03-29T01:00:00.000Z",
                "2026-03-30T02:30+02:00[Europe/Berlin] 2026-03-30T00:30:00.000Z",
            ])
        #expect(
            try recurrence.next(2, after: "2026-10-24T12:00:00Z").map(\.nominal) == [
                "2026-10-25T02:30+02:00[Europe/Berlin]", "2026-10-26T02:30+01:00[Europe/Berlin]",
            ])
    }

    @Test func `What is due in every hour keeps its pace through gap and fold`() throws {
        let recurrence = try nightly("*/30 * * * *")
        let runs = try recurrence.next(200, after: "2026-03-28T20:00:00Z").filter { $0.skipped == nil }.map(\.at)
        #expect(zip(runs, runs.dropFirst()).allSatisfy { $1.seconds(since: $0) == 1_800 })
        let autumn = try recurrence.next(200, after: "2026-10-24T20:00:00Z")
        #expect(zip(autumn, autumn.dropFirst()).allSatisfy { $1.at.seconds(since: $0.at) == 1_800 })
        #expect(Set(autumn.map(\.nominal)).count == autumn.count)
    }

    @Test func `A search that stops among times of one moment goes on with the next of them`() throws {
        let recurrence = try nightly("*/10 2-3 * * *", ClockChange(gap: .shift))
        let all = try recurrence.next(12, after: "2026-03-29T00:30:00Z")
        #expect(all.filter { $0.at == all[0].at }.count == 7)
        var position = Occurrence.Position(after: try instant("2026-03-29T00:30:00Z"))
        var single: [Occurrence] = []
        for _ in 0..<12 {
            let next = recurrence.occurrences(after: position, limit: 1)
            single += next
            position = try #require(next.first).position
        }
        #expect(single == all)
    }

    @Test func `Holidays and blackouts keep the nominal time and say why nothing runs`() throws {
        let calendar = try DateCalendar(
            name: "cn", text: "# golden week\n2026-10-01..2026-10-07 out National Day\n2026-10-04 in\n*-12-25\n")
        let window = Blackout.window(Recurrence(.cron(try CronExpression("0 22 * * 5")), in: .utc), minutes: 180)
        let range = Blackout.range(from: try instant("2026-10-12T00:00:00Z"), until: try instant("2026-10-13T00:00:00Z"))
        let rule = ScheduleRule(
            id: "s", recurrence: Recurrence(.cron(try CronExpression("0 23 * * *")), in: .utc), calendars: [calendar], blackouts: [window, range])
        let found = rule.nextOccurrences(after: .init(after: try instant("2026-09-30T00:00:00Z")), limit: 13).map { $0.skipped?.rawValue ?? "run" }
        let week = ["run", "holiday", "holiday", "holiday", "run", "holiday", "holiday", "holiday"]
        #expect(found == week + ["run", "blackout", "run", "run", "blackout"])
        #expect(refusal { _ = try DateCalendar(name: "x", text: "2026-13-01\n\n2026-02-30 out") }.contains("x:3"))
    }

    @Test func `Jitter is the same every time, within its bound, and spreads`() throws {
        let recurrence = Recurrence(.cron(try CronExpression("@hourly")), in: .utc)
        let hour = try #require(recurrence.next(1, after: "2026-01-01T00:00:00Z").first)
        let delays = (0..<1_000).map { ScheduleRule(id: "s\($0)", recurrence: recurrence, jitterSeconds: 60).due(hour).seconds(since: hour.at) }
        #expect(delays.allSatisfy { (0..<60).contains($0) })
        #expect(Set(delays).count == 60)
        #expect(ScheduleRule(id: "s7", recurrence: recurrence, jitterSeconds: 60).due(hour).seconds(since: hour.at) == delays[7])
    }

    @Test func `A damaged zone file is refused and never trapped on`() throws {
        let whole = Array(try #require(try? zoneBytes("Europe/Berlin")))
        for length in stride(from: 0, to: whole.count - 60, by: 7) {
            #expect(!refusal { _ = try Zone(name: "cut", tzif: Array(whole.prefix(length))) }.isEmpty)
        }
        #expect(refusal { _ = try Zone(name: "x", tzif: Array("no zone".utf8)) }.contains("is not a TZif file"))
    }
}
