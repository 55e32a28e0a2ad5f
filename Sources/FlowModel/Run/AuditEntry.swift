/// Something a person did that whoever looks after the installation must find, beside what the journals of runs say.
package struct AuditEntry: Hashable, Sendable {
    package var at: Instant
    /// The user, as shown.
    package var actor: String
    package var verb: String
    package var subject: String
    package var detail: JSON

    package init(at: Instant, actor: String, verb: String, subject: String, detail: JSON = .object([:])) {
        self.at = at
        self.actor = actor
        self.verb = verb
        self.subject = subject
        self.detail = detail
    }
}
