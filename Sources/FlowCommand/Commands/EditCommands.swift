import ArgumentParser
import FlowModel
import FlowWire

/// Inputs of a run that are to have other values.
struct EditOptions: ParsableArguments {
    @Option(
        name: .customShort("p"), parsing: .unconditionalSingleValue,
        help: ArgumentHelp("Another value for an input; repeat it for each.", valueName: "name=value"))
    var parameters: [String] = []

    var isGiven: Bool { !parameters.isEmpty }

    /// The values, typed by the parameters of the run's flow; nil when none are given.
    func values(of run: String, _ client: FlowClient) async throws -> [String: JSON]? {
        guard isGiven else { return nil }
        let pairs = try pairs(of: parameters, option: "-p")
        let names = Set(pairs.map(\.name))
        let parameters = try await client.preview(of: run).plan.parameters
        let known = parameters.filter { names.contains($0.name) }
        let own = pairs.filter { pair in known.contains { $0.name == pair.name } }
        var values: [String: JSON]
        do throws(FlowError) {
            values = try Surroundings.here.loader.inputs(own, and: [:], for: known)
        } catch {
            throw error.saying("Nothing was changed", hint: "Give other values with -p NAME=VALUE")
        }
        // The server says which names there are.
        for pair in pairs where values[pair.name] == nil { values[pair.name] = .string(pair.text) }
        return values
    }
}

/// `edit RUN -p NAME=VALUE`: other inputs for what has not begun.
struct EditCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "edit", abstract: "Sets inputs of a run to other values, for what has not begun; open gates ask anew.")
    @Argument(help: "The run.", transform: nameOfRun) var run: String
    @OptionGroup var inputs: EditOptions
    @OptionGroup var options: ControlOptions

    func validate() throws {
        guard inputs.isGiven else { throw ValidationError("nothing was changed: say what with -p NAME=VALUE.") }
    }

    func run() async throws {
        try await options.post("edit", run, path: { $0.path(run, "/inputs") }) { client in
            try body(Wire.Inputs(inputs: try await inputs.values(of: run, client) ?? [:], message: options.message.message))
        }
    }
}

/// `hold RUN STEP [--remove]`: a breakpoint.
struct HoldCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "hold", abstract: "Stops a run before a step, until 'release' lets it go ahead.")
    @Argument(help: "The run; with --where the step.", transform: nameOfRun) var run: String
    @Argument(help: "The step, as 'flowctl steps' names it; without the element in brackets, that of every element.") var step: String?
    @Flag(name: .long, help: "Do not stop there any more.") var remove = false
    @OptionGroup var bulk: BulkOptions
    @OptionGroup var options: ControlOptions

    func validate() throws {
        try bulk.checkStep(step)
        if bulk.terms != nil, remove { throw ValidationError("--where excludes --remove.") }
    }

    func run() async throws {
        guard let step else { return try await options.bulk(bulk, .hold, step: run) }
        let request = Wire.Breakpoint(step: step, isSet: !remove, message: options.message.message)
        try await options.post("hold", run, path: { $0.path(run, "/breakpoints") }, body: try body(request))
    }
}

/// `signal RUN NAME [JSON]`: a message for a step that waits.
struct SignalCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "signal", abstract: "Sends a message that a step of a run waits for, now or later.")
    @Argument(help: "The run.", transform: nameOfRun) var run: String
    @Argument(help: "The signal's name.") var name: String
    @Argument(help: "What comes with it, as JSON; nothing unless given.") var json: String?
    @Option(name: .long, help: "A key: the same message under it is taken once, however often it is sent.") var key: String?
    @OptionGroup var options: ControlOptions

    func run() async throws {
        let value: JSON?
        do throws(JSONError) {
            value = try json.map { text throws(JSONError) in try JSON.parse(text) }
        } catch {
            throw Messages.badJSON(json ?? "", error, option: "JSON")
        }
        let request = Wire.Signal(value: value, message: options.message.message)
        try await options.post("signal", run, path: { $0.path(run, "/signals/\(percentEncoded(name))") }, key: key, body: try body(request))
    }
}
