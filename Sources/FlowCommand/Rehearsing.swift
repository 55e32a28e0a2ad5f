package import FlowModel

/// Tries flows without doing anything.
package protocol FlowRehearser: Sendable {
    /// The hosts that an engine of this home would use, from its files; opens and makes nothing.
    /// - Parameter inventory: the file of hosts, instead of the home's own.
    func hosts(home: String, inventory: String?) async throws(FlowError) -> RehearsalHosts
    func rehearse(_ request: RehearsalRequest) async throws(FlowError) -> Rehearsed
}

/// Hosts in order, with groups.
package struct RehearsalHosts: Hashable, Sendable {
    package var hosts: [Host]
    package var groups: [String: [String]]

    package init(hosts: [Host], groups: [String: [String]]) {
        self.hosts = hosts
        self.groups = groups
    }
}

/// What `flowctl rehearse` was asked for. The options are as they were typed.
package struct RehearsalRequest: Sendable {
    /// With the flows that it calls.
    package var plan: Plan
    package var revision: Digest
    package var inputs: [String: JSON]
    package var hosts: RehearsalHosts
    package var limit: String?
    package var fail: [String]
    package var unreachable: [String]
    package var output: [String]
    package var approve: [String]
    package var reject: [String]
    package var expire: [String]
    package var signal: [String]
    package var take: [String]
    package var decide: [String]
    package var undo: Bool
    package var at: String?
}

/// What a rehearsal came to.
package struct Rehearsed: Sendable {
    package enum Tone: Sendable { case plain, good, bad, waits, heading }

    package struct Row: Sendable {
        /// Since the start: `+0:05:00`.
        package var time: String
        /// Which step; empty for the run itself.
        package var place: String
        package var text: String
        package var tone: Tone

        package init(time: String, place: String, text: String, tone: Tone) {
            self.time = time
            self.place = place
            self.text = text
            self.tone = tone
        }
    }

    /// The moment that it starts at.
    package var start: Instant
    package var rows: [Row]
    package var summary: [(text: String, tone: Tone)]
    /// For programs; made when it is asked for.
    package var json: @Sendable () -> JSON
    package var hasSucceeded: Bool

    package init(start: Instant, rows: [Row], summary: [(text: String, tone: Tone)], json: @escaping @Sendable () -> JSON, hasSucceeded: Bool) {
        self.start = start
        self.rows = rows
        self.summary = summary
        self.json = json
        self.hasSucceeded = hasSucceeded
    }
}
