import ArgumentParser
import FlowModel
import FlowWire

/// What the commands that change a run have in common.
struct ControlOptions: ParsableArguments {
    @OptionGroup var message: MessageOptions
    @OptionGroup var show: ShowOptions
    @OptionGroup var connection: ConnectionOptions

    /// Posts to a run and says what it is now. A run can go on after it, so its home is left with an engine.
    func post(_ verb: String, _ run: String, path: (FlowClient) -> String, key: String? = nil, body: JSON) async throws {
        try await post(verb, run, path: path, key: key) { _ in body }
    }

    /// The same, with a body that takes asking the server something first.
    func post(
        _ verb: String, _ run: String, path: (FlowClient) -> String, key: String? = nil, body: (FlowClient) async throws -> JSON
    ) async throws {
        let here = Surroundings.here
        if connection.leadsToHome, !here.files.exists(connection.homePath) { throw Messages.noHome(run, connection.homePath) }
        try await Session.with(connection, need: .beyond) { session in
            let json = try await session.client.request(
                "POST", path(session.client), body: try await body(session.client), headers: key.map { ["idempotency-key": $0] } ?? [:])
            if show.isJSON { return try await here.terminal.show(exact: json.pretty) }
            try await here.terminal.say(Messages.commanded(verb, try session.client.decode(Wire.Run.self, json)))
        }
    }
}

struct PauseCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pause", abstract: "Lets nothing new start in a run; what runs goes on.")
    @Argument(help: "The run.", transform: nameOfRun) var run: String?
    @OptionGroup var bulk: BulkOptions
    @OptionGroup var options: ControlOptions

    func validate() throws { try bulk.check(run) }
    func run() async throws { try await options.simple(.pause, run, bulk) }
}

struct ResumeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "resume", abstract: "Lets a paused run go on.")
    @Argument(help: "The run.", transform: nameOfRun) var run: String?
    @OptionGroup var bulk: BulkOptions
    @OptionGroup var options: ControlOptions

    func validate() throws { try bulk.check(run) }
    func run() async throws { try await options.simple(.resume, run, bulk) }
}

struct CancelCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cancel", abstract: "Ends what runs (TERM, grace, KILL) and cancels the run; finally steps run.")
    @Argument(help: "The run.", transform: nameOfRun) var run: String?
    @OptionGroup var bulk: BulkOptions
    @OptionGroup var options: ControlOptions

    func validate() throws { try bulk.check(run) }
    func run() async throws { try await options.simple(.cancel, run, bulk) }
}

struct KillCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "kill", abstract: "Ends what runs at once and cancels the run; finally steps do not run.")
    @Argument(help: "The run.", transform: nameOfRun) var run: String?
    @OptionGroup var bulk: BulkOptions
    @OptionGroup var options: ControlOptions

    func validate() throws { try bulk.check(run) }
    func run() async throws { try await options.simple(.kill, run, bulk) }
}

extension ControlOptions {
    func simple(_ verb: Wire.BulkRequest.Verb, _ run: String?, _ bulk: BulkOptions) async throws {
        guard let run else { return try await self.bulk(bulk, verb) }
        let name = verb.rawValue
        try await post(name, run, path: { $0.path(run, "/\(name)") }, body: try body(Wire.Message(message: message.message)))
    }
}

/// `retry RUN [--failed | --from STEP | --targets …]`: a new generation of steps in the same run.
struct RetryCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "retry", abstract: "Tries again what failed, or a step and all that comes after it.")
    @Argument(help: "The run.", transform: nameOfRun) var run: String?
    @Flag(name: .long, help: "All that failed, was cancelled, is held or unknown; the same as nothing.")
    var failed = false
    @Option(name: .long, help: ArgumentHelp("This step and everything that needs it.", valueName: "step"))
    var from: String?
    @Option(
        name: .long,
        help: ArgumentHelp("Targets of a rollout, by outcome or name: failed,notStarted or web-1,web-2.", valueName: "targets"))
    var targets: String?
    @Option(name: .long, help: ArgumentHelp("The rollout that they are of, where there are several.", valueName: "step"))
    var rollout: String?
    @OptionGroup var inputs: EditOptions
    @OptionGroup var bulk: BulkOptions
    @OptionGroup var options: ControlOptions

    func validate() throws {
        try bulk.check(run)
        if bulk.terms != nil, targets != nil || inputs.isGiven { throw ValidationError("--where excludes --targets and -p.") }
        if failed, from != nil || targets != nil { throw ValidationError("--failed excludes --from and --targets.") }
        if targets != nil, inputs.isGiven { throw ValidationError("-p excludes --targets; change the input first: flowctl edit RUN -p NAME=VALUE") }
        if rollout != nil, targets == nil { throw ValidationError("--rollout goes with --targets only.") }
    }

    func run() async throws {
        guard let run else { return try await options.bulk(bulk, .retry, step: from) }
        let names = targets?.split(separator: ",").map { String($0).trimmingSpaces }.filter { !$0.isEmpty }
        try await options.post("retry", run, path: { $0.path(run, "/retry") }) { client in
            let edited = try await inputs.values(of: run, client)
            return try body(
                Wire.Retry(
                    from: from.map(StepPath.init), targets: names, rollout: rollout.map(StepPath.init), inputs: edited,
                    message: options.message.message))
        }
    }
}

/// `skip RUN STEP -m`: settles a step as skipped.
struct SkipCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "skip", abstract: "Settles a step as skipped.")
    @Argument(help: "The run.", transform: nameOfRun) var run: String
    @Argument(help: "The step, as 'flowctl steps' names it.") var step: String
    @OptionGroup var options: ControlOptions

    func validate() throws { try options.message.demand("why the step is skipped") }

    func run() async throws {
        let body = try body(Wire.Message(message: options.message.message))
        try await options.post("skip", run, path: { $0.path(run, step: StepPath(step), "/skip") }, body: body)
    }
}

/// `resolve RUN STEP --as …`: a person decides what became of a step.
struct ResolveCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "resolve", abstract: "Decides a step that is held or whose outcome is unknown.")
    @Argument(help: "The run.", transform: nameOfRun) var run: String
    @Argument(help: "The step, as 'flowctl steps' names it.") var step: String
    @Option(
        name: .customLong("as"), help: ArgumentHelp("What became of it, or another try.", valueName: "succeeded|failed|retry"))
    var answer: Wire.Resolve.Answer
    @Option(name: .long, help: "Its output, with succeeded, where the step declares one.")
    var output: String?
    @OptionGroup var options: ControlOptions

    func validate() throws {
        try options.message.demand("how you know")
        if output != nil, answer != .succeeded { throw ValidationError("--output goes with --as succeeded only.") }
    }

    func run() async throws {
        let value: JSON?
        do throws(JSONError) {
            value = try output.map { text throws(JSONError) in try JSON.parse(text) }
        } catch {
            throw Messages.badJSON(output ?? "", error, option: "--output")
        }
        let request = Wire.Resolve(as: answer, output: value, message: options.message.message)
        try await options.post(
            "resolve", run, path: { $0.path(run, step: StepPath(step), "/resolve") }, body: try body(request))
    }
}

extension MessageOptions {
    /// For what an auditor will ask about.
    func demand(_ what: String) throws {
        guard message?.nonEmpty != nil else {
            throw ValidationError("-m is missing: say \(what); it is kept in the run's journal.")
        }
    }
}

extension Wire.Resolve.Answer: ExpressibleByArgument {}
