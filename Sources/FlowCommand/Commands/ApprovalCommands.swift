import ArgumentParser
import FlowModel
import FlowWire

/// `approvals`: gates that wait.
struct ApprovalsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "approvals", abstract: "Lists the approvals that wait.")

    @Flag(name: .long, help: "Decided ones, too.") var all = false
    @Option(name: .long, help: "Only those of this run.") var run: String?
    @OptionGroup var show: ShowOptions
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        let query: [(String, String?)] = [("state", all ? "all" : nil), ("run", run), ("limit", "\(CommandLimits.page)")]
        try await Session.with(connection, need: .look) { session in
            let found = try await session.client.items("/v1/approvals", query: query)
            let here = Surroundings.here
            if show.isJSON { return try await here.terminal.show(exact: JSON.object(["items": .array(found)]).pretty) }
            let items = try found.map { try session.client.decode(Wire.Approval.self, $0) }
            guard !items.isEmpty else { return try await here.terminal.say("No approvals wait.") }
            let short = ShortIDs(items.map(\.run))
            var table = Table(
                "run", "flow", "step", "state", "since", "until", "requester", "rules", "votes", "missing", "digest", "question")
            for item in items {
                table.add(
                    .init(short[item.run]), .init(item.flow + (item.registered == false ? " (not registered)" : "")), .init(item.step.text),
                    .init(item.state.rawValue, item.state == .open ? .yellow : .plain), .init(momentText(item.since)),
                    .init(item.deadlineAt.map { "\(momentText($0)), then \(item.deadlineText ?? "")" } ?? ""), .init(item.requester),
                    .init(item.rulesText), .init(item.votes.map(\.short).joined(separator: ", ")), .init(item.missingText ?? ""),
                    .init(item.digest.short),
                    .init(item.prompt))
            }
            try await here.terminal.show(table.lines(style: here.terminal.style, width: here.terminal.tableWidth))
        }
    }
}

/// What `approve` and `reject` have in common.
struct VoteOptions: ParsableArguments {
    @Argument(help: "The run that waits.", transform: nameOfRun) var run: String
    @Argument(help: "The approval's step; needed when the run waits for several.") var step: String?
    @Option(name: .long, help: "Only if what waits has this digest, or one that starts so: vote on what you saw before.")
    var digest: String?
    @Option(
        name: .customLong("for"),
        help: ArgumentHelp("Vote by the delegation of this user; by your own right, or any delegation, unless given.", valueName: "user"))
    var onBehalfOf: String?
    @OptionGroup var message: MessageOptions
    @OptionGroup var show: ShowOptions
    @OptionGroup var connection: ConnectionOptions

    /// Shows what the vote is about, and gives it for exactly that.
    func vote(_ decision: ApprovalRow.Vote.Decision, fields: [String] = []) async throws {
        let here = Surroundings.here
        if connection.leadsToHome, !here.files.exists(connection.homePath) { throw Messages.noHome(run, connection.homePath) }
        try await Session.with(connection, need: .beyond) { session in
            let approval = try await find(session)
            if let digest, digest.count < 8 || !approval.digest.hex.hasPrefix(digest.lowercased()) {
                throw Messages.otherDigest(given: digest, shown: approval.digest)
            }
            let preview = try await session.client.preview(of: approval.run.text)
            try await here.terminal.say(ApprovalText.lines(approval, preview, decision).joined(separator: "\n"))
            let answers = try answers(fields, to: approval)
            let request = Wire.Decision(
                decision: decision, comment: message.message, digest: approval.digest, fields: answers.isEmpty ? nil : answers,
                onBehalfOf: onBehalfOf)
            let json = try await session.client.request(
                "POST", "/v1/approvals/\(percentEncoded(approval.id))/decisions", body: try body(request))
            if show.isJSON { return try await here.terminal.show(exact: json.pretty) }
            try await here.terminal.say(Messages.voted(decision, try session.client.decode(Wire.Approval.self, json)))
        }
    }

    /// Typed by the gate's fields; what does not fit goes as a text, and the engine says what is wrong with all of them.
    private func answers(_ fields: [String], to approval: Wire.Approval) throws -> [String: JSON] {
        var answers: [String: JSON] = [:]
        for (name, text) in try pairs(of: fields, option: "--field") {
            let kind = approval.fields?.first { $0.name == name }?.kind
            answers[name] = kind.flatMap { InputValidation.parse(text, as: $0) } ?? .string(text)
        }
        return answers
    }

    func find(_ session: Session) async throws -> Wire.Approval {
        try await findApproval(session, run: run, step: step)
    }
}

/// The gate that is meant; one that was decided when it is named and no other is open.
func findApproval(_ session: Session, run: String, step: String?) async throws -> Wire.Approval {
    let open = try await session.client.list(Wire.Approval.self, "/v1/approvals", query: [("run", run), ("limit", "\(CommandLimits.page)")])
    if let step {
        if let found = open.first(where: { $0.step.text == step }) { return found }
        // Perhaps it was decided: the engine says by whom when it is asked, and it is asked with the digest that was open.
        let all = try await session.client.list(
            Wire.Approval.self, "/v1/approvals", query: [("run", run), ("state", "all"), ("limit", "\(CommandLimits.page)")])
        if let decided = all.first(where: { $0.step.text == step }) { return decided }
        throw Messages.noApproval(run: run, step: step, open: open)
    }
    guard let first = open.first else { throw Messages.noApproval(run: run, step: nil, open: open) }
    guard open.count == 1 else { throw Messages.severalApprovals(run: run, open: open) }
    return first
}

struct ApproveCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "approve", abstract: "Shows what waits for approval, and approves exactly that.")
    @Option(
        name: .long, parsing: .unconditionalSingleValue,
        help: ArgumentHelp("An answer to a field of the approval; repeat it for each.", valueName: "name=value"))
    var field: [String] = []
    @OptionGroup var options: VoteOptions

    func run() async throws { try await options.vote(.approved, fields: field) }
}

struct RejectCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "reject", abstract: "Shows what waits for approval, and rejects it.")
    @OptionGroup var options: VoteOptions

    func validate() throws { try options.message.demand("why it is rejected") }

    func run() async throws { try await options.vote(.rejected) }
}

extension Wire.Vote {
    /// `bob approved`, `dave for carol approved (void)`.
    fileprivate var short: String {
        "\(user)\(onBehalfOf.map { " for \($0)" } ?? "") \(decision.rawValue)\(voided == nil ? "" : " (void)")"
    }
}
