package import FlowModel

extension Wire {
    /// `POST /v1/delegations`: somebody else may vote in a role of one's own, for a time.
    package struct DelegationRequest: Codable, Equatable, Sendable {
        /// A user.
        package var to: String
        package var role: String
        package var until: Instant
        /// Whose right; the caller's unless given. For others: admins only.
        package var from: String?
        package var message: String?

        package init(to: String, role: String, until: Instant, from: String? = nil, message: String? = nil) {
            self.to = to
            self.role = role
            self.until = until
            self.from = from
            self.message = message
        }
    }

    /// A right to vote that was lent. It is good while the giver has the role.
    package struct Delegation: Codable, Equatable, Sendable {
        package var id: String
        package var from: String
        package var to: String
        package var role: String
        package var message: String?
        package var createdAt: Instant
        package var until: Instant
        package var revokedAt: Instant?

        package init(
            id: String, from: String, to: String, role: String, message: String? = nil, createdAt: Instant, until: Instant,
            revokedAt: Instant? = nil
        ) {
            self.id = id
            self.from = from
            self.to = to
            self.role = role
            self.message = message
            self.createdAt = createdAt
            self.until = until
            self.revokedAt = revokedAt
        }
    }
}
