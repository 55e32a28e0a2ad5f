/// What a vote says beside yes or no.
package struct Ballot: Hashable, Sendable {
    /// Answers to the gate's fields.
    package var fields: [String: JSON]
    /// The user by whose delegation it is given; nil: by one's own right, or else by any delegation that is good for it.
    package var onBehalfOf: String?

    package init(fields: [String: JSON] = [:], onBehalfOf: String? = nil) {
        self.fields = fields
        self.onBehalfOf = onBehalfOf
    }
}

/// The right to vote in a role, lent by one person to another for a time.
package struct Delegation: Hashable, Sendable, Codable {
    package var id: String
    /// Who lent it, as shown.
    package var from: String
    /// The person behind that user.
    package var person: String
    package var role: String
    package var until: Instant

    package init(id: String, from: String, person: String, role: String, until: Instant) {
        self.id = id
        self.from = from
        self.person = person
        self.role = role
        self.until = until
    }
}
