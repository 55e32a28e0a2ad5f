import ArgumentParser
import FlowModel
import FlowWire

/// `server`: the engine in the foreground, as flowd is.
struct ServerCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "server", abstract: "Serves the engine of a home until it is told to stop; the same as flowd.",
        discussion: "Addresses, TLS, limits and retention are in flowd.yaml in the home.")
    @Option(name: .long, help: "The engine's directory; FLOW_HOME else, or .flow here.", completion: .directory)
    var home: String?
    @Option(
        name: .long, help: ArgumentHelp("Hosts and groups; inventory.yaml in the home unless given.", valueName: "file"),
        completion: .file())
    var inventory: String?
    @Option(name: .long, help: ArgumentHelp("End after so many seconds without work and clients.", valueName: "seconds"))
    var idle: Double?

    func validate() throws {
        if let idle, idle <= 0 { throw ValidationError("--idle is \(idle), it must be more than 0 seconds.") }
    }

    func run() async throws {
        let here = Surroundings.here
        let path = here.absolute(home ?? here.environment["FLOW_HOME"]?.nonEmpty ?? ".flow").withoutTrailingSlash
        try await here.engines.serve(
            ServeOptions(home: path, inventory: inventory.map(here.absolute), idleSeconds: idle))
    }
}

/// `doctor`: what everything looks like, each line with the next step.
struct DoctorCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor", abstract: "Looks at the engine, its home and this machine, and says what to do.",
        discussion: "Exit status 5 when something is broken.")
    @OptionGroup var show: ShowOptions
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        let here = Surroundings.here
        var findings = [Finding("flowctl", .ok, "version \(here.version)")]
        findings += await engineFindings()
        findings += await here.loader.findings()
        if show.isJSON {
            try await here.terminal.show(exact: try body(Wire.Page(items: findings.map(\.wire))).pretty)
        } else {
            try await here.terminal.show(findings.flatMap { DoctorText.lines($0, style: here.terminal.style) })
        }
        if findings.contains(where: { $0.level == .fail }) { throw CommandExit.unavailable }
    }

    /// What the engine finds about itself; that it cannot be reached is a finding, too.
    private func engineFindings() async -> [Finding] {
        do {
            return try await Session.with(connection, need: .look) { session in
                let where_ = session.isEmbedded ? "opened here for this command" : "answers at \(session.client.address())"
                let found = try await session.client.fetch(Wire.Page<Wire.Finding>.self, "GET", "/v1/doctor").items
                return [Finding("engine", .ok, where_)] + found.map(Finding.init)
            }
        } catch let error as FlowError where error.code == .forbidden || error.code == .unauthenticated {
            return [Finding("engine", .warn, error.message, hint: error.hint)]
        } catch {
            let error = FlowClient.flowError(error, at: .socket(connection.homePath))
            let faults = error.errors.map { fault in
                Finding("engine", .fail, (fault.location.map { "\($0): " } ?? "") + "\(fault.subject): \(fault.message)")
            }
            // What doctor is told to look at with is the next step then.
            let next = error.code == .storage ? "df -h \(connection.homePath)" : nil
            let hint = error.hint == "flowctl doctor" ? next : error.hint
            return [Finding("engine", .fail, error.message, hint: hint)] + faults
        }
    }
}

extension Finding {
    init(_ finding: Wire.Finding) {
        let level: Level =
            switch finding.level {
            case .ok: .ok
            case .warn: .warn
            case .fail: .fail
            }
        self.init(finding.name, level, finding.message, hint: finding.hint)
    }

    var wire: Wire.Finding {
        let level: Wire.Finding.Level =
            switch level {
            case .ok: .ok
            case .warn: .warn
            case .fail: .fail
            }
        return Wire.Finding(name: name, level: level, message: message, hint: hint)
    }
}

enum DoctorText {
    static func lines(_ finding: Finding, style: Style) -> [String] {
        let colour: Style.Colour =
            switch finding.level {
            case .ok: .green
            case .warn: .yellow
            case .fail: .red
            }
        let line =
            "\(style.paint(finding.level.rawValue.padded(to: 4), colour))  \(finding.name.padded(to: 16))  \(finding.message.neutralised())"
        guard let hint = finding.hint, finding.level != .ok else { return [line] }
        return [line, String(repeating: " ", count: 24) + hint.neutralised()]
    }
}

/// `backup FILE`: a consistent copy of the database, also while runs go on.
struct BackupCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "backup", abstract: "Copies the database into a file, consistently, also while runs go on.",
        discussion:
            "Not in it, and to be kept elsewhere: inventory.yaml, flowd.yaml, calendars/, files of tls:, secret.key, and output/ (what steps wrote)."
    )
    @Argument(help: "The file, which must not exist; - writes to standard output.", completion: .file()) var file: String
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        let here = Surroundings.here
        if file == "-", here.terminal.isInteractive { throw Messages.backupToTerminal }
        try await Session.with(connection, need: .look) { session in
            var bytes = 0
            func receive(_ write: ([UInt8]) async throws -> Void) async throws {
                _ = try await session.client.stream(
                    "GET", "/v1/backup", headers: ["accept": "application/octet-stream"], deadlineSeconds: CommandLimits.transferSeconds
                ) { piece in
                    bytes += piece.count
                    try await write(piece)
                }
            }
            do {
                if file == "-" { try await receive(here.terminal.writeOut) } else { try await here.files.receive(here.absolute(file), from: receive) }
            } catch let failure as WriteFailure {
                // A closed pipe ends the command as it ends every other.
                if failure.isClosedPipe { throw failure }
                throw Messages.backupCut(failure.message)
            } catch {
                throw FlowClient.flowError(error, at: session.client.address())
            }
            try await here.terminal.say(Messages.backup(bytes, to: file == "-" ? "standard output" : file))
        }
    }
}

struct VersionCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "version", abstract: "Prints the versions of flowctl and of the server.")
    @OptionGroup var show: ShowOptions
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        let here = Surroundings.here
        var members: [String: JSON] = ["flowctl": .string(here.version)]
        // Only a server that is there already is asked: a version is no reason to start one.
        if let server = try await Session.versionOfServer(connection) { members["server"] = .string(server) }
        if show.isJSON { return try await here.terminal.show(exact: JSON.object(members).pretty) }
        try await here.terminal.show(members.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value.text)" })
    }
}

struct CompletionCommand: AsyncParsableCommand {
    enum Shell: String, CaseIterable, ExpressibleByArgument { case bash, zsh, fish }

    static let configuration = CommandConfiguration(
        commandName: "completion", abstract: "Prints a completion script for a shell.",
        discussion: "For example: flowctl completion bash > /etc/bash_completion.d/flowctl")
    @Argument(help: "bash, zsh or fish.") var shell: Shell

    func run() async throws {
        let script =
            switch shell {
            case .bash: Flowctl.completionScript(for: .bash)
            case .zsh: Flowctl.completionScript(for: .zsh)
            case .fish: Flowctl.completionScript(for: .fish)
            }
        try await Surroundings.here.terminal.show(exact: script)
    }
}
