import ArgumentParser
import FlowModel
import FlowWire

/// `rehearse FILE|NAME`: tries a flow to its end, with the failures that are named. Nothing happens.
struct RehearseCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rehearse", abstract: "Tries a flow to its end, with chosen failures; touches nothing.",
        discussion: """
            The engine that runs flows goes through this one on a virtual clock. Nothing is carried out: steps succeed after one second with \
            an output of their type, gates are approved, messages arrive, unless an option says otherwise. Options can be repeated.

            A step is named by its path or the end of it: switch, deploy/switch, 'deploy[web-3]/switch', 'deploy[web-*]/switch'; in a flow \
            that 'make' calls 'make > create'. Of two rules of one option for one step the later one holds, of different options the worse \
            one. Exit status 1: the run would fail, or wait for ever.
            """)

    @Argument(help: ArgumentHelp("A flow file (.swift, .json), or the name of a registered flow.", valueName: "file|name"))
    var flow: String
    @OptionGroup var inputs: InputOptions
    @OptionGroup(title: "What goes otherwise") var script: ScriptOptions
    @OptionGroup var show: ShowOptions
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        let here = Surroundings.here
        let source = try await RehearsalSource.find(flow, connection)
        let values = try await inputs.values(for: source.plan.parameters, failing: "Nothing was rehearsed")
        let request = RehearsalRequest(
            plan: source.plan, revision: source.revision, inputs: values, hosts: try await source.hosts(connection), limit: inputs.limit,
            fail: script.fail, unreachable: script.unreachable, output: script.output, approve: script.approve, reject: script.reject,
            expire: script.expire, signal: script.signal, take: script.take, decide: script.decide, undo: script.undo, at: script.at)
        let rehearsed = try await here.rehearser.rehearse(request)
        if show.isJSON {
            try await here.terminal.show(exact: rehearsed.json().pretty)
        } else {
            let text = RehearsalText(rehearsed, of: source.plan.flow, style: here.terminal.style)
            try await here.terminal.show(text.lines)
        }
        if !rehearsed.hasSucceeded { throw CommandExit.runFailed }
    }
}

/// What goes otherwise than well in a rehearsal.
struct ScriptOptions: ParsableArguments {
    @Option(
        name: .long,
        help: ArgumentHelp(
            "Attempts of the step fail, with this exit status or status of HTTP; or run into their time-out; or are lost. xN: only the first N of each.",
            valueName: "step[=status|timeout|lost][xN]"))
    var fail: [String] = []

    @Option(name: .long, help: ArgumentHelp("This host cannot be reached; who asks it meets nobody.", valueName: "host"))
    var unreachable: [String] = []

    @Option(name: .long, help: ArgumentHelp("The step hands this out: a value of its type.", valueName: "step=json"))
    var output: [String] = []

    @Option(name: .long, help: ArgumentHelp("The gate is approved, with these answers to its fields.", valueName: "gate[=json]"))
    var approve: [String] = []

    @Option(name: .long, help: ArgumentHelp("Somebody rejects the gate.", valueName: "gate"))
    var reject: [String] = []

    @Option(name: .long, help: ArgumentHelp("Nobody decides the gate, or sends the message that the step waits for.", valueName: "step"))
    var expire: [String] = []

    @Option(name: .long, help: ArgumentHelp("This comes with the messages of the signal.", valueName: "name=json"))
    var signal: [String] = []

    @Option(
        name: .long, help: ArgumentHelp("An attempt takes so long; so does a vote at a gate, or a message.", valueName: "step=seconds"))
    var take: [String] = []

    @Option(
        name: .long,
        help: ArgumentHelp(
            "What a person does where the step is held or its outcome unknown: retry, skip, succeeded, failed; with a rollout release or undo.",
            valueName: "step=what"))
    var decide: [String] = []

    @Flag(name: .long, help: "When the run has ended, what it did is taken back, as by 'flowctl undo'; exit status 0: all of it.")
    var undo = false

    @Option(name: .long, help: ArgumentHelp("The time that the run starts at, RFC 3339 in UTC; else 2026-01-05T09:00:00Z.", valueName: "time"))
    var at: String?
}
