import ArgumentParser
import FlowModel
import FlowWire

/// `schedule import CRONTAB`: each line of a user's crontab becomes a schedule of one flow.
struct ScheduleImport: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "import", abstract: "Makes a schedule of each line of a crontab.",
        discussion: """
            The flow must be registered and take the command line as its parameter 'command'. Nothing is imported while a line cannot be taken; \
            all of them are said, each with its number, and nothing of them is guessed: @reboot, a command with % (its input), a time that never \
            comes, and settings other than CRON_TZ and TZ. MAILTO and MAILFROM are said and left out.
            """)
    @Argument(help: "The crontab; - reads standard input.", completion: .file()) var file: String
    @Option(name: .long, help: "The registered flow that runs the commands.") var flow: String
    @Option(name: .long, help: "Schedules are called PREFIX-LINE; cron unless given.") var prefix = "cron"
    @Option(name: .long, help: ArgumentHelp("Whose clock, unless the file says it; UTC unless given.", valueName: "zone")) var timeZone: String?
    @Flag(name: .long, help: "Import the other lines when some cannot be taken.") var skipBad = false
    @Flag(name: .long, help: "Only say what would be added.") var dryRun = false
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        let here = Surroundings.here
        let bytes = try await here.files.read(file == "-" ? file : here.absolute(file), limit: CommandLimits.inputFileBytes)
        let crontab = Crontab(try writtenText(bytes, file), zone: timeZone)
        for note in crontab.notes { try await here.terminal.say("line \(note.line): \(note.why)".neutralised()) }
        try await Session.with(connection) { session in
            let faults = (crontab.faults + (try await refused(crontab.jobs, session))).sorted { $0.line < $1.line }
            for fault in faults { try await here.terminal.say("line \(fault.line): \(fault.why)".neutralised()) }
            let bad = Set(faults.map(\.line))
            let good = crontab.jobs.filter { !bad.contains($0.line) }
            if bad.isEmpty || skipBad, !good.isEmpty { try await add(good, session) }
            guard bad.isEmpty else {
                let done = skipBad && !good.isEmpty
                try await here.terminal.say(
                    done
                        ? "\(bad.count == 1 ? "1 line was" : "\(bad.count) lines were") left out."
                        : "Nothing was imported: \(bad.count) of its lines cannot be taken. Mend them, or import the others with --skip-bad.")
                throw CommandExit.usage
            }
        }
    }

    private func add(_ jobs: [Crontab.Job], _ session: Session) async throws {
        if !dryRun { _ = try await session.client.request("POST", "/v1/schedules", body: try body(request(jobs, dryRun: false))) }
        for job in jobs {
            try await Surroundings.here.terminal.show("\(name(job))  \(job.cron)  \(job.command)".neutralised())
        }
    }

    /// What the engine would refuse, by line.
    private func refused(_ jobs: [Crontab.Job], _ session: Session) async throws -> [Crontab.Fault] {
        if jobs.isEmpty { return [] }
        do throws(FlowError) {
            _ = try await session.client.request("POST", "/v1/schedules", body: try body(request(jobs, dryRun: true)))
            return []
        } catch {
            let lines = Dictionary(uniqueKeysWithValues: jobs.map { (name($0), $0.line) })
            let faults = error.errors.compactMap { detail in lines[detail.subject].map { Crontab.Fault(line: $0, why: detail.message) } }
            guard !faults.isEmpty, faults.count == error.errors.count else { throw error }
            return faults
        }
    }

    private func name(_ job: Crontab.Job) -> String { "\(prefix)-\(job.line)" }

    private func request(_ jobs: [Crontab.Job], dryRun: Bool) -> Wire.ScheduleImport {
        let items = jobs.map { job in
            var spec = ScheduleSpec(flow: flow)
            (spec.cron, spec.timeZone, spec.inputs) = (job.cron, job.zone, ["command": .string(job.command)])
            // As cron does: every time starts, and what was missed is gone.
            (spec.overlap, spec.catchUp) = (.allow, ScheduleSpec.CatchUp.none)
            return Wire.ScheduleImport.Item(name: name(job), spec: spec)
        }
        return Wire.ScheduleImport(items: items, dryRun: dryRun ? true : nil)
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

    /// Why a line cannot be taken.
    struct Fault: Equatable {
        var line: Int
        var why: String
    }

    private(set) var jobs: [Job] = []
    private(set) var faults: [Fault] = []
    /// What is left out and changes nothing that runs.
    private(set) var notes: [Fault] = []

    init(_ text: String, zone: String?) {
        var zone = zone
        for (index, line) in WrittenText.lines(of: text).enumerated() {
            let content = line.drop(while: \.isWhitespace)
            if content.isEmpty || content.hasPrefix("#") { continue }
            if let setting = Crontab.setting(content) {
                let note = Fault(line: index + 1, why: "the setting \(setting.name) is not taken over")
                switch setting.name {
                case "CRON_TZ", "TZ": zone = setting.value
                case "MAILTO", "MAILFROM": notes.append(note)
                default: faults.append(note)
                }
                continue
            }
            let count = content.hasPrefix("@") ? 1 : 5
            let words = content.split(maxSplits: count, whereSeparator: \.isWhitespace)
            guard words.count == count + 1 else {
                faults.append(Fault(line: index + 1, why: "it has no command behind its \(count == 1 ? "name" : "five fields")"))
                continue
            }
            let cron = words.prefix(count).joined(separator: " ")
            if cron.lowercased() == "@reboot" {
                faults.append(Fault(line: index + 1, why: "@reboot is no time"))
            } else if words[count].contains("%") {
                faults.append(Fault(line: index + 1, why: "its command has a %, which cron takes for the start of the input: write a script"))
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
