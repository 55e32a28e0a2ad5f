/// When changes may be made, and when not.
package enum ChangeRuleKind: String, Hashable, Sendable, Codable, CaseIterable {
    /// Nothing that it holds goes on while it lasts.
    case freeze
    /// What it holds goes on only while one of its windows is open.
    case window

    /// What a run waits for that meets it.
    package var waitKind: WaitKind { self == .freeze ? .freeze : .window }
}

/// A freeze or window as somebody writes it: what it holds, and when. Once (`from`, `until`) or again and again (`cron`, `minutes`).
package struct ChangeRuleSpec: Hashable, Sendable, Codable {
    /// For those who wait.
    package var reason: String
    /// Names of flows, `*` and `?` in them; every flow unless given.
    package var flows: [String]?
    /// Runs that have all of these labels, `*` and `?` in the values; every run unless given.
    package var labels: [String: String]?
    /// A selector: runs and batches with one of its hosts; every one, also without hosts, unless given.
    package var hosts: String?
    /// From the moment at which it is added unless given.
    package var from: Instant?
    /// For ever unless given.
    package var until: Instant?
    /// When it begins, again and again: five fields, or `@daily` and its kind.
    package var cron: String?
    /// How long it lasts each time.
    package var minutes: Int?
    /// The zone of `cron`; UTC unless given.
    package var timeZone: String?

    package init(reason: String) { self.reason = reason }

    /// Who may pass a gate that a freeze or window has closed, if they did not start the run.
    package static let breakers = ["admin", "release-manager"]
}
