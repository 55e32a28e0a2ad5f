import ArgumentParser
import FlowModel
import FlowWire

/// Freezes or windows: the two have the same commands.
protocol ChangeRuleFamily: Sendable {
    static var kind: ChangeRuleKind { get }
    static var abstract: String { get }
    static var meaning: String { get }
}

enum Freezes: ChangeRuleFamily {
    static let kind = ChangeRuleKind.freeze
    static let abstract = "Says when nothing may change."
    static let meaning = "What it holds does not begin while it lasts: no run, no batch of a rollout. What runs goes on to its end."
}

enum Windows: ChangeRuleFamily {
    static let kind = ChangeRuleKind.window
    static let abstract = "Says when changes may be made."
    static let meaning = "What it holds begins only while one of its windows is open, and no freeze lasts."
}

/// `freeze …`, `window …`.
struct ChangeRuleCommands<Family: ChangeRuleFamily>: AsyncParsableCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: Family.kind.rawValue, abstract: Family.abstract,
            subcommands: [
                ChangeRuleAdd<Family>.self, ChangeRuleList<Family>.self, ChangeRuleShow<Family>.self, ChangeRuleRemove<Family>.self,
            ])
    }
}

struct ChangeRuleAdd<Family: ChangeRuleFamily>: AsyncParsableCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: "add", abstract: "Adds a \(Family.kind.rawValue), or a new revision of it.",
            discussion: """
                \(Family.meaning)

                Once: --from (now unless given) and --until (for ever unless given). Again and again: --cron and --minutes, in --time-zone.
                """)
    }

    @Argument(help: "Its name.") var name: String
    @Option(name: [.customShort("m"), .long], help: "Why, for those who wait.") var message: String
    @Option(name: .long, help: ArgumentHelp("A flow that it holds, * for any characters; repeat it for each; all unless given.", valueName: "name"))
    var flow: [String] = []
    @Option(name: .long, help: ArgumentHelp("Only runs with this label; repeat it for each.", valueName: "key=value")) var label: [String] = []
    @Option(name: .long, help: ArgumentHelp("Only what touches one of these hosts: a selector.", valueName: "selector")) var hosts: String?
    @Option(name: .long, help: ArgumentHelp("When it begins: 2026-12-20T00:00:00Z.", valueName: "time")) var from: String?
    @Option(name: .long, help: ArgumentHelp("When it ends.", valueName: "time")) var until: String?
    @Option(name: .long, help: ArgumentHelp("When it begins each time: '0 18 * * 5'.", valueName: "expression")) var cron: String?
    @Option(name: .long, help: "How long it lasts each time.") var minutes: Int?
    @Option(name: .long, help: ArgumentHelp("Whose clock: Europe/Berlin; UTC unless given.", valueName: "zone")) var timeZone: String?
    @OptionGroup var show: ShowOptions
    @OptionGroup var connection: ConnectionOptions

    func validate() throws {
        if cron != nil, from != nil || until != nil { throw ValidationError("--cron excludes --from and --until.") }
        if (cron == nil) != (minutes == nil) { throw ValidationError("--cron and --minutes go together.") }
    }

    func run() async throws {
        var spec = ChangeRuleSpec(reason: message)
        let labels = try pairs(of: label, option: "--label")
        spec.flows = flow.isEmpty ? nil : flow
        spec.labels = labels.isEmpty ? nil : Dictionary(labels.map { ($0.name, $0.text) }, uniquingKeysWith: { $1 })
        spec.hosts = hosts
        spec.from = try from.map { text throws(FlowError) in try ScheduleText.instant(text, "--from") }
        spec.until = try until.map { text throws(FlowError) in try ScheduleText.instant(text, "--until") }
        (spec.cron, spec.minutes, spec.timeZone) = (cron, minutes, timeZone)
        let request = try body(spec)
        try await Session.with(connection) { session in
            let json = try await session.client.request("PUT", ChangeRuleText.path(Family.kind, name), body: request)
            try await ChangeRuleText.showOne(json, show, session)
        }
    }
}

struct ChangeRuleList<Family: ChangeRuleFamily>: AsyncParsableCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(commandName: "list", abstract: "Lists \(Family.kind.rawValue)s.")
    }

    @OptionGroup var show: ShowOptions
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        try await Session.with(connection, need: .look) { session in
            let json = try await session.client.whole(ChangeRuleText.path(Family.kind))
            let terminal = Surroundings.here.terminal
            if show.isJSON { return try await terminal.show(exact: json.pretty) }
            let rules = try session.client.decode(Wire.Page<Wire.ChangeRule>.self, json).items
            guard !rules.isEmpty else { return try await terminal.say("No \(Family.kind.rawValue)s.") }
            var table = Table(Family.kind.rawValue, "holds", "when", "state", "reason")
            for rule in rules {
                table.add(
                    .init(rule.name), .init(ChangeRuleText.holds(rule.spec)), .init(ChangeRuleText.times(rule.spec)),
                    .init(ChangeRuleText.state(rule)), .init(rule.spec.reason))
            }
            try await terminal.show(table.lines(style: terminal.style, width: terminal.tableWidth))
        }
    }
}

struct ChangeRuleShow<Family: ChangeRuleFamily>: AsyncParsableCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(commandName: "show", abstract: "Shows a \(Family.kind.rawValue).")
    }

    @Argument(help: "Its name.") var name: String
    @OptionGroup var show: ShowOptions
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        try await Session.with(connection, need: .look) { session in
            try await ChangeRuleText.showOne(try await session.client.request("GET", ChangeRuleText.path(Family.kind, name)), show, session)
        }
    }
}

struct ChangeRuleRemove<Family: ChangeRuleFamily>: AsyncParsableCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(commandName: "remove", abstract: "Removes a \(Family.kind.rawValue); what waited for it looks again.")
    }

    @Argument(help: "Its name.") var name: String
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        try await Session.with(connection, need: .beyond) { session in
            _ = try await session.client.request("DELETE", ChangeRuleText.path(Family.kind, name))
            try await Surroundings.here.terminal.say("Removed \(Family.kind.rawValue) '\(name)'.")
        }
    }
}
