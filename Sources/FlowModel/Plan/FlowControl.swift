/// How the runs of a flow stand to each other and to those of other flows.
package struct FlowControl: Hashable, Sendable, Codable {
    /// What a run needs to itself, from its first step to its end.
    package var claims: [ClaimSpec]?
    /// What becomes of a run that is started while another one of the flow goes on; nil: nothing.
    package var overlap: ScheduleSpec.Overlap?
    /// That of its runs, unless whoever starts one says another.
    package var priority: Int?
    /// Further attempts that the steps of a run may have together, on top of what each may have.
    package var retryBudget: Int?

    package init(claims: [ClaimSpec]? = nil, overlap: ScheduleSpec.Overlap? = nil, priority: Int? = nil, retryBudget: Int? = nil) {
        self.claims = claims
        self.overlap = overlap
        self.priority = priority
        self.retryBudget = retryBudget
    }

    package var isEmpty: Bool { self == FlowControl() }
}

/// How urgent a run is.
package enum Priority {
    package static let all = 0...9
    /// Unless flow or starter say otherwise.
    package static let usual = 5
    package static let named = ["low": 2, "normal": 5, "high": 8]

    /// A number of `all`, or a name.
    package static func value(of text: String) -> Int? { named[text] ?? Int(text).flatMap { all.contains($0) ? $0 : nil } }

    /// Where somebody stands in a line, lowest first: a level is worth `Limits.agingSeconds` of waiting, so that nobody waits for ever.
    package static func rank(_ priority: Int, since: Instant) -> Int64 {
        (since + -Double(priority) * Limits.agingSeconds).milliseconds
    }
}
