/// What starts a run when a signed request comes in, as somebody writes it.
package struct HookSpec: Hashable, Sendable, Codable {
    /// The registered flow to start.
    package var flow: String
    /// Inputs that every run has, whatever the request says.
    package var inputs: [String: JSON]?
    /// Where in the body the value of a parameter is: JSON pointers, by parameter. Unless given, the members of the body are the inputs.
    package var take: [String: String]?
    package var labels: [String: String]?
    /// Only hosts of this selector take part.
    package var limit: String?
    /// How far the request's timestamp may lie from the engine's clock; five minutes unless given.
    package var toleranceSeconds: Int?

    package init(flow: String) { self.flow = flow }

    package static let toleranceUnlessGiven = 300
}

/// A hook as it is kept.
package struct HookRow: Hashable, Sendable {
    package var name: String
    package var spec: HookSpec
    /// Sealed.
    package var secret: String
    package var user: String
    package var person: String
    package var changedAt: Instant

    package init(name: String, spec: HookSpec, secret: String, user: String, person: String, changedAt: Instant) {
        self.name = name
        self.spec = spec
        self.secret = secret
        self.user = user
        self.person = person
        self.changedAt = changedAt
    }

    /// The name under which its deliveries stand in the ledger; no schedule can have it.
    package var ledger: String { "hook \(name)" }
}
