import ArgumentParser
import FlowModel
import FlowWire

/// `user …`: people, their names and roles.
struct UserCommands: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "user", abstract: "Gives people names and roles.",
        subcommands: [Add.self, Link.self, Unlink.self, List.self, Remove.self])

    struct Add: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Creates a user, or replaces the roles of the person.",
            discussion:
                "Name all roles: those that are not named are taken away, which is said. "
                + "Built-in roles, each with the rights of those before it: viewer, operator, author, admin. Other names are groups for approvals, beside one of these: "
                + "without a built-in role nobody can vote."
        )
        @Argument(help: "The name: alice, or os:alice for an account of the engine's machine.") var name: String
        @Option(name: .long, help: "A role or group; repeat it for each. viewer unless given.") var role: [String] = []
        @OptionGroup var show: ShowOptions
        @OptionGroup var connection: ConnectionOptions

        func run() async throws {
            try await Session.with(connection) { session in
                let request = try body(Wire.UserUpdate(roles: role.isEmpty ? ["viewer"] : role))
                let json = try await session.client.request("PUT", "/v1/users/\(percentEncoded(name))", body: request)
                try await UserTable.show(json, show, session)
                for warning in try session.client.decode(Wire.User.self, json).warnings ?? [] {
                    let next = "flowctl user add \(shellQuoted(name)) --role viewer" + role.map { " --role \(shellQuoted($0))" }.joined()
                    // What was taken away may have been meant.
                    let words = warning.message.hasPrefix("has no") ? ".\n  \(next)" : "."
                    try await Surroundings.here.terminal.say("Warning: \(warning.subject) \(warning.message)\(words)".neutralised(keeping: ["\n"]))
                }
            }
        }
    }

    struct Link: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Makes two users one person: rules about people count persons.")
        @Argument(help: "A user.") var name: String
        @Argument(help: "Another name of the same person.") var other: String
        @OptionGroup var show: ShowOptions
        @OptionGroup var connection: ConnectionOptions

        func run() async throws {
            try await Session.with(connection) { session in
                let json = try await session.client.request(
                    "POST", "/v1/users/\(percentEncoded(name))/links", body: try body(Wire.UserLink(name: other)))
                try await UserTable.show(json, show, session)
            }
        }
    }

    struct Unlink: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Takes a link back that was made by mistake: the two are two persons again.",
            discussion: """
                Each has the roles again that it had before the link, as far as the person has them still. For runs that have begun the link counts on: \
                they were shaped, and voted on, while it stood.
                """)
        @Argument(help: "A user.") var name: String
        @Argument(help: "The one that it was linked with.") var other: String
        @Option(name: [.customShort("m"), .long], help: "Why; kept on the audit trail.") var message: String
        @OptionGroup var show: ShowOptions
        @OptionGroup var connection: ConnectionOptions

        func run() async throws {
            try await Session.with(connection) { session in
                let json = try await session.client.request(
                    "POST", "/v1/users/\(percentEncoded(name))/unlink",
                    body: try body(Wire.UserUnlink(name: other, message: message)))
                let terminal = Surroundings.here.terminal
                if show.isJSON { return try await terminal.show(exact: json.pretty) }
                let users = try session.client.decode(Wire.Page<Wire.User>.self, json).items
                try await UserTable.show(users, terminal)
                if users.contains(where: { $0.names.contains(name) && $0.names.contains(other) }) {
                    try await terminal.say("Other links make '\(name)' and '\(other)' one person still: take those back, too.".neutralised())
                }
                for user in users where user.roles.isEmpty {
                    let first = user.names.first ?? user.person
                    try await terminal.say("'\(first)' has no role now: flowctl user add \(shellQuoted(first)) --role ROLE".neutralised())
                }
            }
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Lists people.")
        @OptionGroup var show: ShowOptions
        @OptionGroup var connection: ConnectionOptions

        func run() async throws {
            try await Session.with(connection, need: .look) { session in
                let json = try await session.client.whole("/v1/users")
                let terminal = Surroundings.here.terminal
                if show.isJSON { return try await terminal.show(exact: json.pretty) }
                try await UserTable.show(try session.client.decode(Wire.Page<Wire.User>.self, json).items, terminal)
            }
        }
    }

    struct Remove: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Removes a user and their tokens.")
        @Argument(help: "The user.") var name: String
        @OptionGroup var connection: ConnectionOptions

        func run() async throws {
            try await Session.with(connection) { session in
                _ = try await session.client.request("DELETE", "/v1/users/\(percentEncoded(name))")
                try await Surroundings.here.terminal.say("Removed user '\(name)'.")
            }
        }
    }
}

private enum UserTable {
    static func show(_ json: JSON, _ show: ShowOptions, _ session: Session) async throws {
        let terminal = Surroundings.here.terminal
        if show.isJSON { return try await terminal.show(exact: json.pretty) }
        try await self.show([try session.client.decode(Wire.User.self, json)], terminal)
    }

    static func show(_ users: [Wire.User], _ terminal: Terminal) async throws {
        var table = Table("user", "other names", "roles")
        for user in users {
            table.add(
                .init(user.names.first ?? user.person), .init(user.names.dropFirst().joined(separator: ", ")),
                .init(user.roles.joined(separator: ", ")))
        }
        try await terminal.show(table.lines(style: terminal.style, width: terminal.tableWidth))
    }
}

/// `token …`: what proves who somebody is to a server.
struct TokenCommands: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "token", abstract: "Makes, lists and revokes tokens for the HTTP API.",
        subcommands: [Create.self, List.self, Revoke.self])

    struct Create: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Makes a token and prints it; it is never shown again.")
        @Argument(help: "What it is for.") var name: String
        @Option(name: .long, help: "Whose it is; yours unless given.") var user: String?
        @Option(name: .long, help: "Days until it expires; 90 unless given.") var days: Double?
        @OptionGroup var show: ShowOptions
        @OptionGroup var connection: ConnectionOptions

        func validate() throws {
            if let days, days <= 0 { throw ValidationError("--days is \(days), it must be more than 0.") }
        }

        func run() async throws {
            try await Session.with(connection) { session in
                let request = Wire.TokenRequest(name: name, user: user, expiresInSeconds: days.map { $0 * 86_400 })
                let json = try await session.client.request("POST", "/v1/tokens", body: try body(request))
                let terminal = Surroundings.here.terminal
                if show.isJSON { return try await terminal.show(exact: json.pretty) }
                let token = try session.client.decode(Wire.Token.self, json)
                try await terminal.show(token.token ?? "")
                let until = token.expiresAt.map { ", good until \(momentText($0))" } ?? ""
                try await terminal.say(
                    "Token \(token.id) for \(token.user)\(until). It is not shown again; use it as FLOW_TOKEN.")
            }
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Lists your tokens.")
        @Flag(name: .long, help: "Everybody's; for admins.") var all = false
        @OptionGroup var show: ShowOptions
        @OptionGroup var connection: ConnectionOptions

        func run() async throws {
            try await Session.with(connection, need: .look) { session in
                let json = try await session.client.whole("/v1/tokens", query: [("all", all ? "true" : nil)])
                let terminal = Surroundings.here.terminal
                if show.isJSON { return try await terminal.show(exact: json.pretty) }
                var table = Table("token", "name", "user", "created", "expires", "last used", "revoked")
                for token in try session.client.decode(Wire.Page<Wire.Token>.self, json).items {
                    table.add(
                        .init(token.id), .init(token.name), .init(token.user), .init(momentText(token.createdAt)),
                        .init(token.expiresAt.map(momentText) ?? "never"), .init(token.lastUsedAt.map(momentText) ?? "never"),
                        .init(token.revokedAt.map(momentText) ?? ""))
                }
                try await terminal.show(table.lines(style: terminal.style, width: terminal.tableWidth))
            }
        }
    }

    struct Revoke: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Revokes a token at once.")
        @Argument(help: "Its id, as 'flowctl token list' shows it.") var id: String
        @OptionGroup var connection: ConnectionOptions

        func run() async throws {
            try await Session.with(connection) { session in
                _ = try await session.client.request("DELETE", "/v1/tokens/\(percentEncoded(id))")
                try await Surroundings.here.terminal.say("Revoked token \(id).")
            }
        }
    }
}
