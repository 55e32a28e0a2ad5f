import ArgumentParser
import FlowModel
import FlowWire

/// `plan FILE|NAME`: what a run would do. Changes nothing.
struct PlanCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "plan", abstract: "Shows what a run would do; changes nothing.")

    @Argument(help: ArgumentHelp("A flow file (.swift, .json), or the name of a registered flow.", valueName: "file|name"))
    var flow: String
    @OptionGroup var inputs: InputOptions
    @Option(name: .long, help: ArgumentHelp("A label that the run would have; repeat it for each.", valueName: "name=value"))
    var label: [String] = []
    @OptionGroup var show: ShowOptions
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        let source = try await FlowSource.find(flow, inputs)
        let labels = try labels(of: label)
        try await Session.with(connection) { session in
            var start = try await source.start(session)
            start.limit = inputs.limit
            start.labels = labels
            let json = try await session.client.request("POST", "/v1/plans", body: try body(start))
            let here = Surroundings.here
            let preview = try session.client.decode(Wire.Preview.self, json)
            if show.isJSON {
                try await here.terminal.show(exact: json.pretty)
            } else {
                try await here.terminal.show(PlanText(preview, style: here.terminal.style).lines)
            }
            guard let problems = preview.problems, !problems.isEmpty else { return }
            try await here.terminal.say(Messages.shut(problems))
            throw CommandExit.refused
        }
    }
}

/// `run FILE|NAME`: starts a run and follows it.
struct RunCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "run", abstract: "Starts a run and follows it.")

    @Argument(help: ArgumentHelp("A flow file (.swift, .json), or the name of a registered flow.", valueName: "file|name"))
    var flow: String
    @OptionGroup var inputs: InputOptions
    @OptionGroup var start: StartOptions
    @OptionGroup var show: ShowOptions
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        let source = try await FlowSource.find(flow, inputs)
        try await Session.with(connection, need: start.detach ? .beyond : .command) { session in
            var request = try await source.start(session)
            request.limit = inputs.limit
            request.labels = try start.labelValues
            request.holdBefore = start.holdBefore.isEmpty ? nil : start.holdBefore
            request.priority = start.priority
            let (run, json) = try await start.post(request, session)
            if start.detach { return try await start.leave(run, json, show) }
            try await FollowedOutcome.follow(run, session, show, fromStart: true)
        }
    }
}

/// What `run` and `exec` have in common.
struct StartOptions: ParsableArguments {
    @Option(name: .long, help: "Started once: the same key with the same content gives the run that it gave before.")
    var key: String?

    @Option(name: .long, help: ArgumentHelp("A label of the run; repeat it for each.", valueName: "name=value"))
    var label: [String] = []

    @Option(
        name: .long, help: ArgumentHelp("Stop before this step until it is released; repeat it for several.", valueName: "step"))
    var holdBefore: [String] = []

    @Option(
        name: .long, help: ArgumentHelp("0 (last) to 9 (first), or low, normal, high; as the flow has it unless given.", valueName: "priority"),
        transform: priorityValue)
    var priority: Int?

    @Flag(name: .long, help: "Do not follow: print the run's id and leave it to an engine in the background.")
    var detach = false

    func validate() throws {
        // A header carries it: what is no text for one is told before anything is asked.
        if let key, !(1...256).contains(key.utf8.count) || !key.utf8.allSatisfy({ (0x20..<0x7F).contains($0) }) {
            throw ValidationError("nothing was started: --key takes 1 to 256 printable ASCII characters.")
        }
    }

    var labelValues: [String: String]? {
        get throws(FlowError) { try labels(of: label) }
    }

    /// Starts the run; says so when the key had started it before.
    func post(_ request: Wire.Start, _ session: Session) async throws -> (Wire.Run, JSON) {
        let headers = (key ?? session.freshKey).map { ["idempotency-key": $0] } ?? [:]
        let (status, json) = try await session.client.exchange(
            "POST", "/v1/runs", body: try body(request), headers: headers)
        let run = try session.client.decode(Wire.Run.self, json)
        if status == 200, key != nil { try await Surroundings.here.terminal.say(Messages.existed(run.id)) }
        return (run, json)
    }

    func leave(_ run: Wire.Run, _ json: JSON, _ show: ShowOptions) async throws {
        let terminal = Surroundings.here.terminal
        try await terminal.show(exact: show.isJSON ? json.pretty : run.id.text)
        try await terminal.say(Messages.detached(run.id))
    }
}

/// `exec SELECTOR -- COMMAND…`: a command on hosts, as durable as any flow.
struct ExecCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "exec", abstract: "Runs a command on hosts, as durably as any flow.",
        discussion: """
            One word after -- is a command line for /bin/sh:  flowctl exec web -- 'df -h | tail -1'
            Several words are one command with these arguments, whatever is in them:  flowctl exec web -- rm 'a b'
            Standard input is not handed on: the command reads nothing there. Files go to hosts with a flow's copy.
            """)

    @Argument(help: ArgumentHelp("Which hosts: a selector.", valueName: "selector"))
    var selector: String
    @Argument(parsing: .postTerminator, help: ArgumentHelp("The command, after --.", valueName: "command"))
    var command: [String] = []
    @Option(name: .long, help: "Hosts at a time; 16 unless given.")
    var width: Int?
    @Option(name: .customLong("as"), help: ArgumentHelp("The account to run as, through sudo -n.", valueName: "account"))
    var account: String?
    @Option(name: .long, help: ArgumentHelp("Seconds that it may take on a host.", valueName: "seconds"))
    var timeout: Double?
    @OptionGroup var start: StartOptions
    @OptionGroup var show: ShowOptions
    @OptionGroup var connection: ConnectionOptions

    func validate() throws {
        if command.isEmpty {
            throw ValidationError("Nothing to run. Write the command after --, as in: flowctl exec \(selector) -- uptime")
        }
        if let width, width < 1 { throw ValidationError("--width is \(width), it must be at least 1.") }
        if let timeout, timeout <= 0 { throw ValidationError("--timeout is \(timeout), it must be more than 0 seconds.") }
    }

    func run() async throws {
        let here = Surroundings.here
        let text = command.count == 1 ? command[0] : command.map(shellQuoted).joined(separator: " ")
        let exec = Wire.Exec(selector: selector, command: text, width: width, account: account, timeoutSeconds: timeout)
        try await Session.with(connection, need: start.detach ? .beyond : .command) { session in
            // Said before anything runs: a command that finds no input can succeed and do nothing.
            if here.terminal.hasInput() { try await here.terminal.say(Messages.inputNotHandedOn) }
            let request = Wire.Start(exec: exec, labels: try start.labelValues, priority: start.priority)
            let (run, json) = try await start.post(request, session)
            if start.detach { return try await start.leave(run, json, show) }
            try await FollowedOutcome.followOutputs(run, session, show)
        }
    }
}

/// What `--label` says; nil when it is not given.
private func labels(of texts: [String]) throws(FlowError) -> [String: String]? {
    let pairs = try pairs(of: texts, option: "--label")
    return pairs.isEmpty ? nil : Dictionary(pairs.map { ($0.name, $0.text) }, uniquingKeysWith: { $1 })
}
