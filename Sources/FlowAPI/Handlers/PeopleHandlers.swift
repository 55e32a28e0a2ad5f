import FlowModel
import FlowWire
import HTTPTypes
import Hummingbird

enum PeopleHandlers {
    static func me(_ call: Call) async throws -> Response {
        let actor = call.actor
        let names = [actor.user] + actor.names.filter { $0 != actor.user }
        return try Answer.json(Wire.User(person: actor.person, names: names, roles: actor.roles))
    }

    static func users(_ call: Call) async throws -> Response {
        try Answer.page(ofAll: try await call.api.identities.users(), call, key: \.person)
    }

    static func setRoles(_ call: Call) async throws -> Response {
        let body = try await call.body(Wire.UserUpdate.self)
        let name = call.parameter("name")
        let before = try await call.api.identities.users().first { $0.names.contains(name) }?.roles ?? []
        var user = try await call.api.identities.setRoles(body.roles, of: name, by: call.actor)
        let lost = before.filter { !user.roles.contains($0) }
        var warnings: [FlowError.Detail] = []
        if !lost.isEmpty {
            let words = (lost.count == 1 ? "the role " : "the roles ") + lost.joined(separator: ", ")
            let them = lost.count == 1 ? "it" : "them"
            warnings.append(.init(subject: name, message: "does not have \(words) any more, and votes that count by \(them) are void"))
        }
        if !user.roles.isEmpty, Role.strongest(in: user.roles) == nil {
            let built = Role.allCases.map(\.rawValue).joined(separator: ", ")
            let message = "has no built-in role (\(built)): without one nobody can look at a gate or vote, whatever groups they are in"
            warnings.append(.init(subject: name, message: message))
        }
        user.warnings = warnings.isEmpty ? nil : warnings
        return try Answer.json(user)
    }

    static func link(_ call: Call) async throws -> Response {
        let body = try await call.body(Wire.UserLink.self)
        return try Answer.json(try await call.api.identities.link(call.parameter("name"), with: body.name, by: call.actor))
    }

    static func unlink(_ call: Call) async throws -> Response {
        let body = try await call.body(Wire.UserUnlink.self)
        try CommandHandlers.checkText(body.message, "message")
        guard !body.message.allSatisfy(\.isWhitespace) else {
            throw FlowError(.usage, subject: "message", "Nothing was changed: say why the link is taken back; it is kept on the audit trail.")
        }
        return try Answer.page(
            try await call.api.identities.unlink(call.parameter("name"), from: body.name, message: body.message, by: call.actor))
    }

    static func remove(_ call: Call) async throws -> Response {
        try await call.api.identities.remove(user: call.parameter("name"), by: call.actor)
        return Answer.nothing()
    }

    static func tokens(_ call: Call) async throws -> Response {
        let all = try call.flag("all")
        if all { try call.demand(.admin, to: "list other people's tokens") }
        return try Answer.page(ofAll: try await call.api.identities.tokens(of: all ? nil : call.actor.person), call, key: \.id)
    }

    static func createToken(_ call: Call) async throws -> Response {
        let body = try await call.body(Wire.TokenRequest.self)
        if let user = body.user, user != call.actor.user, !call.actor.names.contains(user) {
            try call.demand(.admin, to: "make a token for \(user)")
        }
        return try Answer.json(try await call.api.identities.createToken(body, by: call.actor), status: .created)
    }

    /// Somebody else's token is, to those who may not revoke it, one that does not exist.
    static func revokeToken(_ call: Call) async throws -> Response {
        let id = call.parameter("id")
        let isAdmin = (call.role ?? .viewer) >= .admin
        let visible = try await call.api.identities.tokens(of: isAdmin ? nil : call.actor.person)
        guard visible.contains(where: { $0.id == id }) else {
            throw FlowError(.notFound, subject: id, "There is no token '\(id)'.", hint: "flowctl token list")
        }
        try await call.api.identities.revokeToken(id, by: call.actor)
        return Answer.nothing()
    }
}
