import ArgumentParser
import FlowModel
import FlowWire

/// `list`: runs, newest first.
struct ListCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "list", abstract: "Lists runs, newest first.")

    @Option(name: .long, help: "Only runs in this state; repeat it for several.")
    var state: [RunState] = []
    @Option(name: .long, help: "Only runs of this flow.")
    var flow: String?
    @Option(name: .long, help: ArgumentHelp("Only runs with this label; repeat it for several.", valueName: "name=value"))
    var label: [String] = []
    @Option(
        name: .customLong("where"),
        help: ArgumentHelp("Only runs for which all of it holds: 'flow=release & state=failed & label.team=pay'.", valueName: "terms"))
    var terms: String?
    @Option(name: .long, help: "At most so many.")
    var limit = 50
    @Option(name: .long, help: ArgumentHelp("Runs older than this one: where the page before ended.", valueName: "run"))
    var after: String?
    @OptionGroup var show: ShowOptions
    @OptionGroup var connection: ConnectionOptions

    func validate() throws {
        guard (1...1_000).contains(limit) else { throw ValidationError("--limit is \(limit), it must be from 1 to 1000.") }
    }

    func run() async throws {
        let labels = try pairs(of: label, option: "--label").map { ("label", Optional("\($0.name)=\($0.text)")) }
        let states = state.isEmpty ? nil : state.map(\.rawValue).joined(separator: ",")
        let query = [("limit", "\(limit)"), ("state", states), ("flow", flow), ("where", terms), ("after", after)] + labels
        try await Session.with(connection, need: .look) { session in
            let json = try await session.client.request("GET", "/v1/runs", query: query)
            let here = Surroundings.here
            if show.isJSON { return try await here.terminal.show(exact: json.pretty) }
            let page = try session.client.decode(Wire.Page<Wire.Run>.self, json)
            guard !page.items.isEmpty else { return try await here.terminal.say("No runs.") }
            let table = RunTables.runs(page.items, now: here.now())
            try await here.terminal.show(table.lines(style: here.terminal.style, width: here.terminal.tableWidth))
            if let next = page.next { try await here.terminal.say("More: flowctl list --after \(next)") }
        }
    }
}

/// `show RUN`: one run with its steps.
struct ShowCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "show", abstract: "Shows a run with its steps.")

    @Argument(help: "The run's id, or the start of it that no other run has.", transform: nameOfRun) var run: String
    @OptionGroup var show: ShowOptions
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        try await Session.with(connection, need: .look) { session in
            let json = try await session.client.request("GET", session.client.path(run))
            let here = Surroundings.here
            if show.isJSON { return try await here.terminal.show(exact: json.pretty) }
            let found = try session.client.decode(Wire.Run.self, json)
            let tree = TreeLines(FollowedRun(found, steps: found.steps ?? []), now: here.now(), style: here.terminal.style)
            try await here.terminal.show(RunTables.facts(of: found))
            try await here.terminal.show(tree.lines(columns: here.terminal.tableWidth))
            if found.next != nil { try await here.terminal.say("Only the first steps; all: flowctl steps \(found.id)") }
        }
    }
}

/// `steps RUN`: every step as a row.
struct StepsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "steps", abstract: "Lists the steps of a run.")

    @Argument(help: "The run's id, or the start of it that no other run has.", transform: nameOfRun) var run: String
    @Option(name: .long, help: "Only steps in this state; repeat it for several.")
    var state: [StepState] = []
    @OptionGroup var show: ShowOptions
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        try await Session.with(connection, need: .look) { session in
            let steps = try await session.client.steps(of: run).filter { state.isEmpty || state.contains($0.state) }
            let here = Surroundings.here
            if show.isJSON { return try await here.terminal.show(exact: try body(Wire.Page(items: steps)).pretty) }
            let table = RunTables.steps(steps, now: here.now())
            try await here.terminal.show(table.lines(style: here.terminal.style, width: here.terminal.tableWidth))
        }
    }
}

/// `watch RUN`: follows a run that was started before.
struct WatchCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "watch", abstract: "Follows a run until it ends.",
        discussion: "With -o json: every journal record from the first on, one line each.")

    @Argument(help: "The run's id, or the start of it that no other run has.", transform: nameOfRun) var run: String
    @OptionGroup var show: ShowOptions
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        try await Session.with(connection) { session in
            let found = try await session.client.run(run)
            guard show.isJSON else { return try await FollowedOutcome.follow(found, session, show, fromStart: false) }
            let ending = try await RunFollower(session: session, form: .records).follow(found, fromStart: true)
            guard case .ended(let state) = ending else {
                try await Surroundings.here.terminal.say(Messages.interrupted(found.id))
                throw CommandExit.interrupted
            }
            if state != .succeeded { throw CommandExit(state) }
        }
    }
}

/// `why RUN`: what it waits for, since when, and what would release it.
struct WhyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "why", abstract: "Says what a run waits for, since when, and what would release it.")

    @Argument(help: "The run's id, or the start of it that no other run has.", transform: nameOfRun) var run: String
    @OptionGroup var show: ShowOptions
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        try await Session.with(connection, need: .look) { session in
            let json = try await session.client.request("GET", session.client.path(run, "/why"))
            let here = Surroundings.here
            if show.isJSON { return try await here.terminal.show(exact: json.pretty) }
            let why = try session.client.decode(Wire.Why.self, json)
            try await here.terminal.show(WhyText(why, now: here.now(), style: here.terminal.style).lines)
        }
    }
}
