import ArgumentParser
import FlowModel
import FlowWire

/// `approval …`: one gate as it stands, and rights to vote that people lend each other.
struct ApprovalGroup: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "approval", abstract: "Shows an approval, and lends the right to vote to somebody else.",
        subcommands: [Show.self, Delegate.self, Delegations.self, Revoke.self])

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Shows who decides about an approval, what is missing and who could give it, and what its deadline leads to.")
        @Argument(help: "The run.", transform: nameOfRun) var run: String
        @Argument(help: "The approval's step; needed when the run waits for several.") var step: String?
        @OptionGroup var show: ShowOptions
        @OptionGroup var connection: ConnectionOptions

        func run() async throws {
            try await Session.with(connection, need: .look) { session in
                let approval = try await findApproval(session, run: run, step: step)
                let here = Surroundings.here
                if show.isJSON { return try await here.terminal.show(exact: try body(approval).pretty) }
                try await here.terminal.show(ApprovalText.details(approval, now: here.now()).joined(separator: "\n"))
            }
        }
    }

    struct Delegate: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Lends a role of yours to another person, for votes on approvals, until a time.")
        @Argument(help: "The user who may vote in your place.") var to: String
        @Option(name: .long, help: "A role of yours.") var role: String
        @Option(name: .long, help: ArgumentHelp("When it ends: 2026-03-01T08:00:00Z.", valueName: "time")) var until: String
        @Option(name: .long, help: "Whose role; yours unless given. Others': admins only.") var from: String?
        @OptionGroup var message: MessageOptions
        @OptionGroup var show: ShowOptions
        @OptionGroup var connection: ConnectionOptions

        func run() async throws {
            let request = Wire.DelegationRequest(
                to: to, role: role, until: try ScheduleText.instant(until, "--until"), from: from, message: message.message)
            try await Session.with(connection) { session in
                let json = try await session.client.request("POST", "/v1/delegations", body: try body(request))
                let terminal = Surroundings.here.terminal
                if show.isJSON { return try await terminal.show(exact: json.pretty) }
                let lent = try session.client.decode(Wire.Delegation.self, json)
                try await terminal.say(
                    "\(lent.to) may vote for \(lent.from) in the role \(lent.role) until \(momentText(lent.until)); delegation \(lent.id)."
                        .neutralised())
            }
        }
    }

    struct Delegations: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Lists who lent whom the right to vote.")
        @Flag(name: .long, help: "Those that are over, too.") var all = false
        @OptionGroup var show: ShowOptions
        @OptionGroup var connection: ConnectionOptions

        func run() async throws {
            try await Session.with(connection, need: .look) { session in
                let json = try await session.client.whole("/v1/delegations")
                let here = Surroundings.here
                if show.isJSON { return try await here.terminal.show(exact: json.pretty) }
                var table = Table("delegation", "from", "to", "role", "since", "until", "revoked", "why")
                for lent in try session.client.decode(Wire.Page<Wire.Delegation>.self, json).items
                where all || lent.revokedAt == nil && lent.until > here.now() {
                    table.add(
                        .init(lent.id), .init(lent.from), .init(lent.to), .init(lent.role), .init(momentText(lent.createdAt)),
                        .init(momentText(lent.until)), .init(lent.revokedAt.map(momentText) ?? ""), .init(lent.message ?? ""))
                }
                try await here.terminal.show(table.lines(style: here.terminal.style, width: here.terminal.tableWidth))
            }
        }
    }

    struct Revoke: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Ends a delegation at once; votes that were given by it stay.")
        @Argument(help: "Its id, as 'flowctl approval delegations' shows it.") var id: String
        @OptionGroup var connection: ConnectionOptions

        func run() async throws {
            try await Session.with(connection) { session in
                _ = try await session.client.request("DELETE", "/v1/delegations/\(percentEncoded(id))")
                try await Surroundings.here.terminal.say("Revoked delegation \(id).")
            }
        }
    }
}
