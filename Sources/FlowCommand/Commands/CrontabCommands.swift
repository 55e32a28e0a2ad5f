import ArgumentParser
import FlowModel
import FlowWire

/// `schedule import CRONTAB`: each line of a user's crontab becomes a schedule of one flow.
struct ScheduleImport: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "import", abstract: "Makes a schedule of each line of a crontab.",
        discussion: """
            The flow must be registered and take the command line as its parameter 'command'. Lines that cannot be taken are said, and nothing \
            of them is guessed: @reboot, a command with % (its input), and settings other than CRON_TZ and TZ.
            """)
    @Argument(help: "The crontab; - reads standard input.", completion: .file()) var file: String
    @Option(name: .long, help: "The registered flow that runs the commands.") var flow: String
    @Option(name: .long, help: "Schedules are called PREFIX-LINE; cron unless given.") var prefix = "cron"
    @Option(name: .long, help: ArgumentHelp("Whose clock, unless the file says it; UTC unless given.", valueName: "zone")) var timeZone: String?
    @Flag(name: .long, help: "Only say what would be added.") var dryRun = false
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        let here = Surroundings.here
        let bytes = try await here.files.read(file == "-" ? file : here.absolute(file), limit: CommandLimits.inputFileBytes)
        let crontab = Crontab(String(decoding: bytes, as: UTF8.self), zone: timeZone)
        for fault in crontab.faults { try await here.terminal.say("line \(fault.line): \(fault.why)".neutralised()) }
        if dryRun {
            for job in crontab.jobs { try await here.terminal.show("\(prefix)-\(job.line)  \(job.cron)  \(job.command)".neutralised()) }
            return
        }
        try await Session.with(connection) { session in
            for job in crontab.jobs {
                var spec = ScheduleSpec(flow: flow)
                (spec.cron, spec.timeZone, spec.inputs) = (job.cron, job.zone, ["command": .string(job.command)])
                // As cron does: every time starts, and what was missed is gone.
                (spec.overlap, spec.catchUp) = (.allow, ScheduleSpec.CatchUp.none)
                let name = "\(prefix)-\(job.line)"
                _ = try await session.client.request("PUT", ScheduleText.path(name), body: try body(spec))
                try await here.terminal.show("\(name)  \(job.cron)  \(job.command)".neutralised())
            }
        }
        if !crontab.faults.isEmpty { throw CommandExit.usage }
    }
}

/// `schedule export`: the schedules as a crontab that starts the same runs.
struct ScheduleExport: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "export", abstract: "Writes the schedules as a crontab; what cron cannot say becomes a comment.")
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        try await Session.with(connection) { session in
            let schedules = try await session.client.fetch(Wire.Page<Wire.Schedule>.self, "GET", "/v1/schedules").items
            var lines: [String] = []
            for schedule in schedules {
                guard let cron = schedule.spec.cron, !cron.contains(where: { "L#?".contains($0) }) else {
                    lines.append("# \(schedule.name): \(ScheduleText.timing(schedule.spec)) cannot be said in a crontab")
                    continue
                }
                lines.append("# \(schedule.name)")
                lines.append("CRON_TZ=\(schedule.spec.timeZone ?? "UTC")")
                lines.append("\(cron) \(Crontab.command(schedule.spec))")
            }
            try await Surroundings.here.terminal.show(lines.map { $0.neutralised() })
        }
    }
}

/// The lines of a user's crontab.
struct Crontab {
    struct Job: Equatable {
        var line: Int
        var cron: String
        var command: String
        var zone: String?
    }

    private(set) var jobs: [Job] = []
    private(set) var faults: [(line: Int, why: String)] = []

    init(_ text: String, zone: String?) {
        var zone = zone
        for (index, line) in text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline).enumerated() {
            let content = line.drop(while: \.isWhitespace)
            if content.isEmpty || content.hasPrefix("#") { continue }
            if let setting = Crontab.setting(content) {
                guard ["CRON_TZ", "TZ"].contains(setting.name) else {
                    faults.append((index + 1, "the setting \(setting.name) is not taken over"))
                    continue
                }
                zone = setting.value
                continue
            }
            let count = content.hasPrefix("@") ? 1 : 5
            let words = content.split(maxSplits: count, whereSeparator: \.isWhitespace)
            guard words.count == count + 1 else {
                faults.append((index + 1, "it has no command behind its \(count == 1 ? "name" : "five fields")"))
                continue
            }
            let cron = words.prefix(count).joined(separator: " ")
            if cron.lowercased() == "@reboot" {
                faults.append((index + 1, "@reboot is no time"))
            } else if words[count].contains("%") {
                faults.append((index + 1, "its command has a %, which cron takes for the start of the input: write a script"))
            } else {
                jobs.append(Job(line: index + 1, cron: cron, command: String(words[count]), zone: zone))
            }
        }
    }

    /// `NAME=value` or `NAME="value"`.
    private static func setting(_ line: Substring) -> (name: String, value: String)? {
        guard let equals = line.firstIndex(of: "=") else { return nil }
        let name = line[..<equals].filter { !$0.isWhitespace }
        guard let first = name.first, first.isLetter || first == "_", name.allSatisfy({ $0.isLetter || $0.isNumber || $0 == "_" }),
            line[..<equals].split(whereSeparator: \.isWhitespace).count == 1
        else { return nil }
        let value = line[line.index(after: equals)...].filter { !"\"' \t".contains($0) }
        return (String(name), String(value))
    }

    /// The command that starts the schedule's run.
    static func command(_ spec: ScheduleSpec) -> String {
        let inputs = (spec.inputs ?? [:]).sorted { $0.key < $1.key }.map { name, value in
            "-p \(shellQuoted("\(name)=\(value.stringValue ?? value.canonical)"))"
        }
        // In a crontab a bare % is a newline.
        return (["flowctl run --detach \(shellQuoted(spec.flow))"] + inputs).joined(separator: " ").replacing("%", with: "\\%")
    }
}
