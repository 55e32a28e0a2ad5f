package import FlowModel

extension Wire {
    /// `GET /healthz`, for anyone who can connect.
    package struct Health: Codable, Equatable, Sendable {
        /// `ok`; `degraded`, with 503, while nothing can be committed, such as on a full disk: what was there before can be read.
        package var status: String
        package var version: String
        /// Since when it is degraded.
        package var since: Instant?
        /// Whether it serves until it is told to stop, as flowd does. Absent of an engine that a command has started, which ends when
        /// nothing needs it.
        package var isService: Bool?

        package init(status: String, version: String, since: Instant? = nil, isService: Bool? = nil) {
            self.isService = isService
            self.status = status
            self.version = version
            self.since = since
        }

        /// Whether there is an engine that answers, if only what it knew before.
        package var serves: Bool { ["ok", "degraded"].contains(status) }
    }

    /// `GET /v1/doctor`: what the server finds about itself.
    package struct Finding: Codable, Equatable, Sendable {
        package enum Level: String, Codable, CaseIterable, Sendable { case ok, warn, fail }
        package var name: String
        package var level: Level
        package var message: String
        /// What to do about it.
        package var hint: String?

        package init(name: String, level: Level, message: String, hint: String? = nil) {
            self.name = name
            self.level = level
            self.message = message
            self.hint = hint
        }
    }

    /// `GET /v1/audit`, newest first: who changed flows, users, tokens and the inventory. What was done to a run is in its events.
    package struct AuditEntry: Codable, Equatable, Sendable {
        package var sequence: Int
        package var at: Instant
        package var actor: String
        package var verb: String
        package var subject: String
        package var detail: JSON?

        package init(sequence: Int, at: Instant, actor: String, verb: String, subject: String, detail: JSON? = nil) {
            self.sequence = sequence
            self.at = at
            self.actor = actor
            self.verb = verb
            self.subject = subject
            self.detail = detail
        }
    }
}
