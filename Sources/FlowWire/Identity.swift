package import FlowModel

extension Wire {
    /// A person with all names that lead to them.
    package struct User: Codable, Equatable, Sendable {
        package var person: String
        /// `alice`, `os:alice` …; the first is the one shown.
        package var names: [String]
        /// Built-in roles and free groups.
        package var roles: [String]
        package var createdAt: Instant?
        /// What the person will not be able to do, although the roles look as if; in the answer to a change of them.
        package var warnings: [FlowError.Detail]?

        package init(person: String, names: [String], roles: [String], createdAt: Instant? = nil) {
            self.person = person
            self.names = names
            self.roles = roles
            self.createdAt = createdAt
        }
    }

    /// `PUT /v1/users/{name}`: creates the user, or replaces the roles of the person.
    package struct UserUpdate: Codable, Equatable, Sendable {
        package var roles: [String]

        package init(roles: [String]) { self.roles = roles }
    }

    /// `POST /v1/users/{name}/links`: makes `name` another name of that person.
    package struct UserLink: Codable, Equatable, Sendable {
        package var name: String

        package init(name: String) { self.name = name }
    }

    /// `POST /v1/users/{name}/unlink`: takes the link with `name` back.
    package struct UserUnlink: Codable, Equatable, Sendable {
        package var name: String
        /// Why.
        package var message: String

        package init(name: String, message: String) {
            self.name = name
            self.message = message
        }
    }

    /// `POST /v1/tokens`.
    package struct TokenRequest: Codable, Equatable, Sendable {
        /// What it is for.
        package var name: String
        /// Whose it is; the caller's unless given. For others: admins only.
        package var user: String?
        /// 90 days unless given.
        package var expiresInSeconds: Double?

        package init(name: String, user: String? = nil, expiresInSeconds: Double? = nil) {
            self.name = name
            self.user = user
            self.expiresInSeconds = expiresInSeconds
        }
    }

    /// A token. `token`, the secret itself, is present once: in the answer to its creation.
    package struct Token: Codable, Equatable, Sendable {
        package var id: String
        package var name: String
        package var user: String
        package var createdAt: Instant
        package var expiresAt: Instant?
        package var lastUsedAt: Instant?
        package var revokedAt: Instant?
        package var token: String?

        package init(
            id: String, name: String, user: String, createdAt: Instant, expiresAt: Instant? = nil, lastUsedAt: Instant? = nil,
            revokedAt: Instant? = nil, token: String? = nil
        ) {
            self.id = id
            self.name = name
            self.user = user
            self.createdAt = createdAt
            self.expiresAt = expiresAt
            self.lastUsedAt = lastUsedAt
            self.revokedAt = revokedAt
            self.token = token
        }
    }
}
