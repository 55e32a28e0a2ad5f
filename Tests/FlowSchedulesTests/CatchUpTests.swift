import FlowModel
import FlowSchedules
import FlowTestKit
import Testing

@Suite(.timeLimit(.minutes(10))) struct CatchUpTests {
    private static func spec(_ random: inout SeededRandom) -> ScheduleSpec {
        var spec = ScheduleSpec(flow: "f")
        spec.cron = random.pick(["*/15 * * * *", "* * * * *", "0 * * * *", "*/10 1-3 * * *", "5,6,50 2 * * *", "30 2 * * *", "0,1 */3 * * 1-5"])
        spec.timeZone = random.pick(["UTC", "Europe/Berlin", "Australia/Lord_Howe"])
        spec.jitterSeconds = random.pick([1, 30, 60, 61, 900, 1_800, 7_200, 86_400])
        spec.gap = random.pick([nil, .shift, .skip])
        spec.fold = random.pick([nil, .first, .last, .both])
        spec.catchUp = random.pick(ScheduleSpec.CatchUp.allCases)
        return spec
    }

    /// Every time, as an engine decides it that wakes when the next one is due, also a little late.
    @Test func `while an engine runs no time is ever missed, and each starts when it is due, whatever jitter and rule`() throws {
        var random = SeededRandom(seed: 4)
        for number in 0..<200 {
            let spec = Self.spec(&random)
            let rule = try ScheduleRule(
                id: "s\(number)", spec: spec, zone: { name throws(FlowError) in try wholeZone(name) },
                calendar: { name throws(FlowError) in try DateCalendar(name: name, text: "") })
            let catchUp = CatchUp(rule: rule, spec: spec, pause: nil)
            // From the day before clocks change in these zones.
            let start = try instant(random.pick(["2026-03-28T12:00:00Z", "2026-10-24T12:00:00Z", "2026-04-04T00:00:00Z", "2026-06-01T00:00:00Z"]))
            var (now, position) = (start, Occurrence.Position(after: start))
            var seen: [Occurrence] = []
            for _ in 0..<150 {
                guard let next = rule.nextOccurrences(after: position, limit: 1).first else { break }
                now = max(now, rule.due(next)) + Double(random.int(0...2))
                let decided = catchUp.decided(after: position, now: now, limit: 500)
                #expect(!decided.isEmpty, "\(spec)")
                for found in decided {
                    #expect(found.skipped != .missed && found.skipped != .tooOld, "\(spec): \(found.nominal) at \(now)")
                    let delay = rule.due(found).seconds(since: found.at)
                    #expect(delay >= 0 && delay < Double(spec.jitterSeconds ?? 0) && now.seconds(since: rule.due(found)) <= 10)
                }
                guard let last = decided.last else { break }
                position = last.position
                seen += decided
            }
            let all = rule.nextOccurrences(after: Occurrence.Position(after: start), limit: seen.count)
            #expect(seen.map(\.nominal) == all.map(\.nominal), "\(spec)")
        }
    }

    @Test func `a jitter that fits between two times is not changed by the next one`() throws {
        func delays(_ cron: String) throws -> [String: Double] {
            let rule = ScheduleRule(id: "s", recurrence: Recurrence(.cron(try CronExpression(cron)), in: .utc), jitterSeconds: 900)
            let found = rule.nextOccurrences(after: .init(after: try instant("2026-01-01T00:00:00Z")), limit: 200)
            return Dictionary(uniqueKeysWithValues: found.map { ($0.nominal, rule.due($0).seconds(since: $0.at)) })
        }
        let (often, hourly) = (try delays("*/15 * * * *"), try delays("0 * * * *"))
        #expect(often.filter { hourly[$0.key] != nil }.allSatisfy { hourly[$0.key] == $0.value })
        #expect(Set(often.values).count > 100)
    }
}

private func wholeZone(_ name: String) throws(FlowError) -> Zone {
    if name == "UTC" { return .utc }
    do {
        return try zone(name)
    } catch {
        throw FlowError(.usage, subject: name, "\(error)")
    }
}
