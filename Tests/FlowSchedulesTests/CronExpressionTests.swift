import FlowModel
import FlowSchedules
import Testing

@Suite(.timeLimit(.minutes(10))) struct CronExpressionTests {
    private func next(_ text: String, after: String = "2026-01-01T00:00:00Z", _ count: Int = 3) throws -> [String] {
        try Recurrence(.cron(try CronExpression(text)), in: .utc).next(count, after: after).map { "\($0.wall)" }
    }

    @Test(arguments: [
        ("0 3 L * *", ["2026-01-31T03:00", "2026-02-28T03:00", "2026-03-31T03:00"]),
        ("0 0 * * 5L", ["2026-01-30T00:00", "2026-02-27T00:00", "2026-03-27T00:00"]),
        ("0 0 * * FRI#2", ["2026-01-09T00:00", "2026-02-13T00:00", "2026-03-13T00:00"]),
        ("0 0 13 * fri", ["2026-01-02T00:00", "2026-01-09T00:00", "2026-01-13T00:00"]),
        ("0 0 */2 * 1", ["2026-01-05T00:00", "2026-01-19T00:00", "2026-02-09T00:00"]),
        ("0 0 ? JAN,Mar 7", ["2026-01-04T00:00", "2026-01-11T00:00", "2026-01-18T00:00"]),
        ("10/25 6 * * *", ["2026-01-01T06:10", "2026-01-01T06:35", "2026-01-02T06:10"]),
        ("0 0 29 2 *", ["2028-02-29T00:00", "2032-02-29T00:00", "2036-02-29T00:00"]),
        ("@yearly", ["2027-01-01T00:00", "2028-01-01T00:00", "2029-01-01T00:00"]),
        ("0 0 * * FRI-SUN", ["2026-01-02T00:00", "2026-01-03T00:00", "2026-01-04T00:00"]),
        ("0 0 * 2 5#5", ["2036-02-29T00:00", "2064-02-29T00:00"]),
    ])
    func `An expression comes when its words say`(_ text: String, _ expected: [String]) throws {
        // The fifth Friday of a February comes in the years 2036 and 2064, within the horizon of fifty years.
        #expect(try next(text) == expected)
    }

    @Test(arguments: [
        ("61 * * * *", "the minute field has '61'"), ("* 24 * * *", "the hour field has '24'"), ("* * 0 * *", "the day of month field has '0'"),
        ("* * * FOO *", "the month field has 'FOO'"), ("* * * * 8", "the day of week field has '8'"), ("* * * * 5#6", "what follows # is not 1-5"),
        ("*/90 * * * *", "step 90 is larger than its range 0-59"), ("9-5 * * * *", "ends before it begins"), ("1,,2 * * * *", "an empty place"),
        ("*/0 * * * *", "not a number above 0"), ("+1 * * * *", "'+1'"), ("* * * *", "has 4 fields; it takes 5"), ("@reboot", "allowed are @hourly"),
        ("0 0 31 2 *", "never comes"), ("0 0 30 FEB ?", "never comes"), ("", "has 0 fields"),
    ])
    func `What cannot be read is refused with the field, the value found and the values allowed`(_ text: String, _ expected: String) {
        let message = refusal { _ = try CronExpression(text) }
        #expect(message.contains(expected), "\(message)")
        if message.contains(" field has ") { #expect(message.contains("Allowed: ")) }
    }

    @Test func `Alarms and single times come when they say, and the past does not come again`() throws {
        let alarm = Recurrence(.alarm(try Alarm("07:30,19:00 Sat,SUN")), in: .utc)
        let times = try alarm.next(3, after: "2026-01-02T00:00:00Z").map { "\($0.wall)" }
        #expect(times == ["2026-01-03T07:30", "2026-01-03T19:00", "2026-01-04T07:30"])
        let once = Recurrence(.once(try OnceAt("2026-01-02 10:00")), in: .utc)
        #expect(try once.next(3, after: "2026-01-02T09:59:59Z").count == 1)
        #expect(try once.next(3, after: "2026-01-02T10:00:00Z").isEmpty)
        #expect(refusal { _ = try OnceAt("2026-02-30 10:00") }.contains("no date and time"))
        #expect(refusal { _ = try Alarm("25:00") }.contains("'25:00' is no time of the day"))
    }
}
