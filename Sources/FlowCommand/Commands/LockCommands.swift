import ArgumentParser
import FlowModel
import FlowWire

/// `locks`: who has what, and who waits for it.
struct LocksCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "locks", abstract: "Lists locks, limits and rates: who has them, and who waits in line.")

    @Argument(help: "Only those with this name.") var name: String?
    @OptionGroup var show: ShowOptions
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        try await Session.with(connection, need: .look) { session in
            let json = try await session.client.whole("/v1/locks", query: [("name", name)])
            let here = Surroundings.here
            if show.isJSON { return try await here.terminal.show(exact: json.pretty) }
            let locks = try session.client.decode(Wire.Page<Wire.Lock>.self, json).items
            guard !locks.isEmpty else { return try await here.terminal.say("Nobody has a lock, and nobody waits for one.") }
            try await here.terminal.show(LockText.table(locks, now: here.now()).lines(style: here.terminal.style, width: here.terminal.tableWidth))
        }
    }
}

/// `reprioritise RUN --priority N`.
struct ReprioritiseCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "reprioritise", abstract: "Gives a run another priority; its place in every line changes with it.")
    @Argument(help: "The run.", transform: nameOfRun) var run: String?
    @Option(name: .long, help: ArgumentHelp("0 (last) to 9 (first), or low, normal, high.", valueName: "priority"), transform: priorityValue)
    var priority: Int
    @OptionGroup var bulk: BulkOptions
    @OptionGroup var options: ControlOptions

    func validate() throws { try bulk.check(run) }

    func run() async throws {
        guard let run else { return try await options.bulk(bulk, .reprioritise, priority: priority) }
        let body = try body(Wire.Reprioritise(priority: priority, message: options.message.message))
        try await options.post("reprioritise", run, path: { $0.path(run, "/reprioritise") }, body: body)
    }
}

/// The number of a priority as it is given on the command line.
func priorityValue(_ text: String) throws -> Int {
    guard let priority = Priority.value(of: text) else {
        throw ValidationError("a priority is 0 to 9, or low, normal or high; found '\(text)'.")
    }
    return priority
}
