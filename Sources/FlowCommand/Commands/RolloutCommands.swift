import ArgumentParser
import FlowModel
import FlowWire

/// `rollout RUN STEP`: how it stands; with options, how it goes on.
struct RolloutCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rollout", abstract: "Shows how a rollout stands, or changes how it goes on.",
        discussion: """
            Without options it shows each batch and the targets that are not done. What is changed while it runs is kept in the run's journal.
            """)
    @Argument(help: "The run.", transform: nameOfRun) var run: String
    @Argument(help: "The rollout, as 'flowctl steps' names it.") var step: String
    @Option(name: .long, help: ArgumentHelp("How many targets may fail, of all or of a batch.", valueName: "n|n%"))
    var maxFailures: String?
    @Option(name: .long, help: ArgumentHelp("Targets of a batch at once.", valueName: "n|n%"))
    var concurrency: String?
    @Option(name: .long, help: ArgumentHelp("How many targets may begin in which time: 30/min, 5/10s, 600/h.", valueName: "n/time"))
    var startRate: String?
    @Option(name: .long, help: ArgumentHelp("The sizes of the batches that have not begun: '10% *2'.", valueName: "sizes"))
    var batches: String?
    @Option(name: .long, help: ArgumentHelp("Hold the rollout when this batch is over.", valueName: "batch"))
    var pauseAfterBatch: Int?
    @Option(name: .long, help: ArgumentHelp("Show the targets with these outcomes: failed,unreachable.", valueName: "outcomes"))
    var outcome: String?
    @Flag(name: .long, help: "Show every target.") var all = false
    @OptionGroup var options: ControlOptions

    private var isChange: Bool { maxFailures != nil || concurrency != nil || startRate != nil || batches != nil || pauseAfterBatch != nil }

    func validate() throws {
        if isChange, outcome != nil || all { throw ValidationError("--outcome and --all show targets, and go with no change.") }
        if outcome != nil, all { throw ValidationError("--outcome and --all exclude each other.") }
    }

    func run() async throws {
        guard isChange else { return try await show() }
        let request = Wire.Adjust(
            maxFailures: maxFailures, concurrency: concurrency, startRate: startRate, batches: batches, pauseAfterBatch: pauseAfterBatch,
            message: options.message.message)
        try await options.post("rollout", run, path: { $0.path(run, step: StepPath(step), "/rollout") }, body: try body(request))
    }

    private func show() async throws {
        let here = Surroundings.here
        try await Session.with(options.connection) { session in
            let targets = try await session.client.targets(of: run, StepPath(step), outcome: outcome)
            if options.show.isJSON { return try await here.terminal.show(exact: try body(Wire.Page(items: targets)).pretty) }
            let isChosen = outcome != nil || all
            let text = RolloutText(targets: targets, showsAll: isChosen, now: here.now(), style: here.terminal.style)
            try await here.terminal.show(text.lines(width: here.terminal.tableWidth))
        }
    }
}

/// `release RUN STEP`: ends a wait. `release RUN [STEP] --break-glass`: lets it begin in spite of a freeze.
struct ReleaseCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "release", abstract: "Ends a wait: of a rollout that is held or soaks, at a breakpoint, of a sleep or back-off, for a freeze.",
        discussion: """
            With --break-glass it passes the gate that a freeze or window has closed, once: the run's first step or the next batch begins. \
            That takes the role admin or release-manager, somebody other than who started the run, and -m; it is on the audit trail.
            """)
    @Argument(help: "The run; with --where the step.", transform: nameOfRun) var run: String
    @Argument(help: "The step, as 'flowctl steps' names it; with --break-glass the only closed gate unless given.") var step: String?
    @Flag(name: .long, help: "Pass the gate that a freeze or window has closed.") var breakGlass = false
    @OptionGroup var bulk: BulkOptions
    @OptionGroup var options: ControlOptions

    func validate() throws {
        if bulk.terms != nil {
            if breakGlass { throw ValidationError("--where excludes --break-glass.") }
            return try bulk.checkStep(step)
        }
        if bulk.dryRun || bulk.yes { throw ValidationError("--dry-run and --yes go with --where.") }
        if breakGlass { return try options.message.demand("why it cannot wait") }
        if step == nil { throw ValidationError("The step is missing: flowctl release RUN STEP.") }
    }

    func run() async throws {
        if bulk.terms != nil { return try await options.bulk(bulk, .release, step: run) }
        if breakGlass {
            let request = Wire.BreakGlass(step: step.map { StepPath($0) }, message: options.message.message ?? "")
            return try await options.post("break-glass", run, path: { $0.path(run, "/break-glass") }, body: try body(request))
        }
        let step = step ?? ""
        let body = try body(Wire.Message(message: options.message.message))
        try await options.post("release", run, path: { $0.path(run, step: StepPath(step), "/release") }, body: body)
    }
}
