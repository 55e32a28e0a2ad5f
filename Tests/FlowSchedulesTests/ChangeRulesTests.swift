import FlowModel
import FlowSchedules
import Testing

@Suite("Freezes and windows", .timeLimit(.minutes(10)))
struct ChangeRulesTests {
    private func rule(
        _ kind: ChangeRuleKind, _ name: String, hosts: Set<String>? = [], _ change: (inout ChangeRuleSpec) -> Void
    ) throws -> ChangeRule {
        var spec = ChangeRuleSpec(reason: "because")
        change(&spec)
        let row = ChangeRuleRow(kind: kind, name: name, revision: 1, spec: spec, user: "ann", changedAt: try instant("2026-01-01T00:00:00Z"))
        return try ChangeRule(row, hosts: hosts) { name throws(FlowError) in
            do { return try zone(name) } catch { throw FlowError(.usage, subject: name, "\(error)") }
        }
    }

    private func closure(_ rules: [ChangeRule], _ at: String, flow: String = "web", labels: [String: String] = [:], hosts: [String] = []) throws
        -> String
    {
        let subject = ChangeSubject(flow: flow, labels: labels, hosts: hosts)
        guard let closure = ChangeRules(rules).closure(of: subject, at: try instant(at)) else { return "open" }
        return "\(closure.kind.rawValue) \(closure.rule) \(closure.until?.description ?? "for ever")"
    }

    @Test func `a freeze lasts from its beginning to before its end`() throws {
        let from = try instant("2026-12-20T00:00:00Z")
        let until = try instant("2027-01-03T00:00:00Z")
        let rules = [try rule(.freeze, "year-end") { ($0.from, $0.until) = (from, until) }]
        #expect(try closure(rules, "2026-12-19T23:59:59Z") == "open")
        #expect(try closure(rules, "2026-12-20T00:00:00Z") == "freeze year-end 2027-01-03T00:00:00.000Z")
        #expect(try closure(rules, "2027-01-02T23:59:59Z") == "freeze year-end 2027-01-03T00:00:00.000Z")
        #expect(try closure(rules, "2027-01-03T00:00:00Z") == "open")
        #expect(try closure([try rule(.freeze, "stop") { _ in }], "2030-01-01T00:00:00Z") == "freeze stop for ever")
    }

    @Test func `a rule holds the flows, labels and hosts that it names, and nothing else`() throws {
        let flows = [try rule(.freeze, "f") { $0.flows = ["web-*", "db"] }]
        #expect(try closure(flows, "2026-02-01T00:00:00Z", flow: "web-shop") == "freeze f for ever")
        #expect(try closure(flows, "2026-02-01T00:00:00Z", flow: "db") == "freeze f for ever")
        #expect(try closure(flows, "2026-02-01T00:00:00Z", flow: "web") == "open")
        let labels = [try rule(.freeze, "l") { $0.labels = ["team": "pay*", "env": "prod"] }]
        #expect(try closure(labels, "2026-02-01T00:00:00Z", labels: ["team": "payments", "env": "prod", "x": "y"]) == "freeze l for ever")
        #expect(try closure(labels, "2026-02-01T00:00:00Z", labels: ["team": "payments"]) == "open")
        let hosts = [try rule(.freeze, "h", hosts: ["db-1", "db-2"]) { $0.hosts = "group:db" }]
        #expect(try closure(hosts, "2026-02-01T00:00:00Z", hosts: ["web-1", "db-2"]) == "freeze h for ever")
        #expect(try closure(hosts, "2026-02-01T00:00:00Z", hosts: ["web-1"]) == "open")
        #expect(try closure(hosts, "2026-02-01T00:00:00Z") == "open")
        let lost = [try rule(.freeze, "lost", hosts: nil) { $0.hosts = "group:gone" }]
        #expect(try closure(lost, "2026-02-01T00:00:00Z", hosts: ["web-1"]) == "freeze lost for ever", "held rather than let through")
        #expect(try closure(lost, "2026-02-01T00:00:00Z") == "open")
    }

    @Test func `what windows hold begins in one of them, by the clock on its wall, and a freeze beats it`() throws {
        // Fridays 18:00–20:00 in Berlin: 16:00Z in summer, 17:00Z in winter.
        let friday = try rule(.window, "friday") { ($0.cron, $0.minutes, $0.timeZone) = ("0 18 * * 5", 120, "Europe/Berlin") }
        let sunday = try rule(.window, "sunday") { ($0.cron, $0.minutes) = ("0 3 * * 0", 60) }
        #expect(try closure([friday], "2026-07-03T15:59:00Z") == "window friday 2026-07-03T16:00:00.000Z")
        #expect(try closure([friday], "2026-07-03T16:00:00Z") == "open")
        #expect(try closure([friday], "2026-07-03T17:59:59Z") == "open")
        #expect(try closure([friday], "2026-07-03T18:00:00Z") == "window friday 2026-07-10T16:00:00.000Z")
        #expect(try closure([friday], "2026-12-04T16:30:00Z") == "window friday 2026-12-04T17:00:00.000Z")
        #expect(try closure([friday, sunday], "2026-07-04T00:00:00Z") == "window sunday 2026-07-05T03:00:00.000Z", "the one that opens first")
        #expect(try closure([friday, sunday], "2026-07-05T03:30:00Z") == "open", "one is enough")
        let until = try instant("2026-07-03T19:00:00Z")
        let freeze = try rule(.freeze, "audit") { $0.until = until }
        #expect(
            try closure([friday, freeze], "2026-07-03T16:30:00Z") == "freeze audit 2026-07-10T16:00:00.000Z",
            "the freeze outlasts the window, so the end is that of the wait for the next one")
    }

    @Test func `freezes that follow one another are one wait`() throws {
        let nightly = try rule(.freeze, "night") { ($0.cron, $0.minutes) = ("0 20 * * *", 12 * 60) }
        let until = try instant("2026-02-02T21:00:00Z")
        let long = try rule(.freeze, "long") { $0.until = until }
        #expect(try closure([nightly, long], "2026-02-01T12:00:00Z") == "freeze long 2026-02-03T08:00:00.000Z")
        #expect(try closure([nightly], "2026-02-01T19:59:59Z") == "open")
    }

    @Test func `times that make no sense are refused`() throws {
        let (early, late) = (try instant("2026-01-01T00:00:00Z"), try instant("2026-02-01T00:00:00Z"))
        let wrong: [(inout ChangeRuleSpec) -> Void] = [
            { ($0.from, $0.until) = (late, early) }, { $0.minutes = 5 }, { $0.cron = "0 1 * * *" },
            { ($0.cron, $0.minutes) = ("0 1 * * *", 0) }, { ($0.cron, $0.minutes, $0.until) = ("0 1 * * *", 5, late) },
            { ($0.cron, $0.minutes, $0.timeZone) = ("0 1 * * *", 5, "Mars/Olympus") }, { $0.timeZone = "UTC" },
        ]
        for change in wrong { #expect(throws: FlowError.self) { try rule(.freeze, "wrong", change) } }
    }
}
