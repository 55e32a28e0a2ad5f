import FlowModel
import FlowSchedules
import FlowTestKit
import Testing

/// Whatever is written as a time, a calendar or a zone: it is refused, or it can be worked with. A trap here ends the test.
@Suite(.timeLimit(.minutes(240))) struct FuzzTests {
    private func every(_ seed: UInt64, _ good: [String], _ body: (String, inout TextFuzz) -> Void) {
        var fuzz = TextFuzz(seed: seed)
        for _ in 0..<TextFuzz.cases { body(fuzz.text(from: good), &fuzz) }
    }

    private static func moment(_ fuzz: inout TextFuzz) -> Instant {
        switch fuzz.random.int(0...3) {
        case 0: fuzz.random.pick([.earliest, .latest, Instant(milliseconds: 0), Instant(milliseconds: -1)])
        default: Instant(milliseconds: 0) + Double(fuzz.random.int(-70_000_000_000...260_000_000_000))
        }
    }

    /// The next times lie behind the moment and each behind the other.
    private static func walk(_ recurrence: Recurrence, _ fuzz: inout TextFuzz) {
        let start = moment(&fuzz)
        let found = recurrence.occurrences(after: .init(after: start), until: fuzz.random.chance(0.5) ? start + 1e6 : nil, limit: 3)
        #expect(found.allSatisfy { $0.at >= start } && zip(found, found.dropFirst()).allSatisfy { $0.position < $1.position })
        #expect(found.allSatisfy { !$0.nominal.isEmpty })
    }

    @Test func `expressions, alarms and single times`() {
        let cron = ["*/5 0-6 1,15 JAN-MAR MON-FRI", "0 3 L * 5L", "10/25 6 ? * 5#2", "@daily", "59 23 31 12 7", "0 0 29 2 *"]
        every(1, cron) { text, fuzz in
            guard let expression = try? CronExpression(text) else { return }
            if fuzz.random.chance(0.05) { Self.walk(Recurrence(.cron(expression), in: .utc), &fuzz) }
        }
        every(2, ["07:30 Mon-Fri", "07:30,19:00 Sat,Sun", "6:00", "23:59 0-6/2"]) { text, fuzz in
            guard let alarm = try? Alarm(text) else { return }
            Self.walk(Recurrence(.alarm(alarm), in: .utc), &fuzz)
        }
        every(3, ["2026-03-29 14:30", "9999-12-31T23:59", "0000-01-01 0:00", "2028-02-29T07:05"]) { text, fuzz in
            if let wall = WallTime(text) { #expect(WallTime("\(wall)") == wall && wall.date.exists) }
            guard let once = try? OnceAt(text) else { return }
            Self.walk(Recurrence(.once(once), in: .utc), &fuzz)
        }
    }

    @Test func `calendars`() {
        let good = [
            "2026-10-01..2026-10-07 out  National Day\n2026-10-04 in\n*-12-25 Christmas # x\n", "*-02-29\r\n9999-12-31\r0000-01-01..9999-12-31 in",
        ]
        every(4, good) { text, fuzz in
            guard let calendar = try? DateCalendar(name: "c", text: text), let cron = try? CronExpression("0 0 * * *") else { return }
            let rule = ScheduleRule(id: "s", recurrence: Recurrence(.cron(cron), in: .utc), calendars: [calendar], jitterSeconds: 60)
            let start = Self.moment(&fuzz)
            for found in rule.nextOccurrences(after: .init(after: start), limit: 2) { #expect(rule.due(found) >= start) }
        }
    }

    @Test func `lines of a calendar end in any way, and a mark before the first hides nothing`() throws {
        let cron = Recurrence(.cron(try CronExpression("0 0 * * *")), in: .utc)
        for end in ["\n", "\r\n", "\r"] {
            for mark in ["", "\u{FEFF}"] {
                let text = mark + ["2026-01-02", "2026-01-03 in", "2026-01-04 # x", ""].joined(separator: end)
                let rule = ScheduleRule(id: "s", recurrence: cron, calendars: [try DateCalendar(name: "c", text: text)])
                let found = rule.nextOccurrences(after: .init(after: try instant("2026-01-01T00:00:00Z")), limit: 4)
                #expect(found.map(\.skipped) == [.holiday, nil, .holiday, nil])
            }
        }
    }

    /// A date behind it would be an open day.
    @Test(arguments: ["\u{85}", "\u{2028}", "\u{2029}", "\u{B}", "\u{C}", "\0"])
    func `a line of a calendar that holds another line end is refused with its number`(_ end: String) throws {
        for text in ["2026-01-01\n2026-12-01 out\(end)2026-12-02 out", "\n# closed\(end)2026-12-02 out"] {
            #expect(refusal { _ = try DateCalendar(name: "c", text: text) }.contains("c:2"), "\(text)")
        }
    }

    @Test(arguments: ["Europe/Berlin", "Asia/Tokyo", "Africa/Casablanca", "Pacific/Apia"])
    func `zone files with any of their bytes changed`(_ name: String) throws {
        let bytes = try zoneBytes(name)
        let cron = try CronExpression("30 2 * * *")
        var fuzz = TextFuzz(seed: 5)
        var taken = 0
        for _ in 0..<TextFuzz.cases {
            var changed = bytes
            for _ in 0...fuzz.random.int(0...3) {
                let at = fuzz.random.chance(0.4) ? fuzz.random.int(0...99) : fuzz.random.int(0...changed.count - 1)
                changed[min(at, changed.count - 1)] = fuzz.random.pick([0, 1, 0x7F, 0x80, 0xFF, UInt8(fuzz.random.int(0...255))])
            }
            if fuzz.random.chance(0.2) { changed.removeLast(fuzz.random.int(0...changed.count - 1)) }
            guard let zone = try? Zone(name: name, tzif: changed) else { continue }
            taken += 1
            let moment = Self.moment(&fuzz)
            #expect(abs(zone.offset(at: moment)) < 26 * 3_600)
            _ = zone.wallTime(at: moment)
            if fuzz.random.chance(0.1) { Self.walk(Recurrence(.cron(cron), in: zone), &fuzz) }
        }
        #expect(taken > 0)
    }

    /// Some zone files begin with a change at the Big Bang, 2^59 seconds before 1970.
    @Test func `a change before all times is none that counts`() throws {
        var bytes = try zoneBytes("Europe/Berlin")
        let second = try #require((1..<bytes.count - 4).first { Array(bytes[$0..<$0 + 4]) == Array("TZif".utf8) })
        bytes.replaceSubrange(second + 44..<second + 52, with: [0xF8, 0, 0, 0, 0, 0, 0, 0])
        let zone = try Zone(name: "Europe/Berlin", tzif: bytes)
        let nightly = Recurrence(.cron(try CronExpression("30 2 * * *")), in: zone)
        for moment in [Instant.earliest, Instant(milliseconds: -5_000_000_000_000), Instant(milliseconds: 0)] {
            #expect(nightly.occurrences(after: .init(after: moment), limit: 3).count == 3)
        }
    }

    @Test func `closing rules of zones`() throws {
        let bytes = try zoneBytes("Europe/Berlin")
        let end = try #require(bytes.dropLast().lastIndex(of: 0x0A))
        every(6, ["CET-1CEST,M3.5.0,M10.5.0/3", "<-03>3", "EST5EDT,0/0,J365/25", "IST-1GMT0,M10.5.0,M3.5.0/1", "XXX24:59:59"]) { text, fuzz in
            guard let zone = try? Zone(name: "z", tzif: bytes[...end] + Array(text.utf8) + [0x0A]) else { return }
            _ = zone.wallTime(at: Self.moment(&fuzz))
            _ = zone.wallTime(at: .latest)
        }
    }

    @Test func `schedules and freezes with numbers and moments of any size`() throws {
        var fuzz = TextFuzz(seed: 7)
        for _ in 0..<TextFuzz.cases {
            var spec = ScheduleSpec(flow: "f")
            (spec.cron, spec.jitterSeconds, spec.maxAgeSeconds) = ("*/7 * * * *", fuzz.random.chance(0.5) ? fuzz.integer() : 5, fuzz.integer())
            spec.catchUp = fuzz.random.pick(ScheduleSpec.CatchUp.allCases)
            let (one, other) = (Self.moment(&fuzz), Self.moment(&fuzz))
            spec.blackouts = [fuzz.random.chance(0.5) ? .init(from: one, until: other) : .init(cron: "0 0 * * *", minutes: fuzz.integer())]
            if fuzz.random.chance(0.3) { spec.blackouts = nil }
            let rule = try? ScheduleRule(
                id: "s", spec: spec, zone: { _ in .utc }, calendar: { name throws(FlowError) in try DateCalendar(name: name, text: "") })
            if let rule {
                // Not from far away: a schedule of every seven minutes has millions of times in between.
                let now = max(one, other)
                let decided = CatchUp(rule: rule, spec: spec, pause: nil).decided(
                    after: .init(after: now + -Double(fuzz.random.int(0...40_000))), now: now, limit: 5)
                #expect(decided.allSatisfy { $0.at <= now })
            }
            var closed = ChangeRuleSpec(reason: "r")
            (closed.from, closed.until) = (fuzz.random.chance(0.5) ? one : nil, fuzz.random.chance(0.5) ? other : nil)
            if fuzz.random.chance(0.3) { (closed.from, closed.until, closed.cron, closed.minutes) = (nil, nil, "0 0 * * 1", fuzz.integer()) }
            let row = ChangeRuleRow(kind: .freeze, name: "r", revision: 1, spec: closed, user: "u", changedAt: one)
            guard let change = try? ChangeRule(row, hosts: [], zone: { _ in .utc }) else { continue }
            _ = ChangeRules([change]).closure(of: ChangeSubject(flow: "f"), at: Self.moment(&fuzz))
        }
    }
}
