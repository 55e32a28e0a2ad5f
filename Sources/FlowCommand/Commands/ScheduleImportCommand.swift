import ArgumentParser
import FlowModel
import FlowWire

/// `schedule import CRONTAB`: each line of a user's crontab becomes a schedule.
struct ScheduleImport: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "import", abstract: "Makes a schedule of each line of a crontab.",
        discussion: """
            The flow must be registered and take the command line as its parameter 'command'; what 'schedule export' wrote names flow and schedule \
            itself. Nothing is imported while a line cannot be taken; all of them are said, each with its number, and nothing of them is guessed: \
            @reboot, a command with a bare % (its input), a time that never comes, a schedule of that name that is there with another content, \
            and settings other than CRON_TZ and TZ. MAILTO, MAILFROM and FLOW_… are said and left out. A schedule that is there as the line \
            has it is left as it is.
            """)
    @Argument(help: "The crontab; - reads standard input.", completion: .file()) var file: String
    @Option(name: .long, help: "The registered flow that runs the commands.") var flow: String?
    @Option(name: .long, help: "Schedules are called PREFIX-LINE; cron-LINE, or as they were exported, unless given.") var prefix: String?
    @Option(name: .long, help: ArgumentHelp("Whose clock, unless the file says it; UTC unless given.", valueName: "zone")) var timeZone: String?
    @Flag(name: .long, help: "Replace schedules of these names that are there with another content; what is paused stays so.") var replace = false
    @Flag(name: .long, help: "Import the other lines when some cannot be taken.") var skipBad = false
    @Flag(name: .long, help: "Only say what would be added.") var dryRun = false
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        let here = Surroundings.here
        let bytes = try await here.files.read(file == "-" ? file : here.absolute(file), limit: CommandLimits.inputFileBytes)
        let crontab = Crontab(try writtenText(bytes, file), zone: timeZone)
        try await say(crontab.notes)
        try await Session.with(connection) { session in
            var plan = CrontabPlan(flow: flow, prefix: prefix, replaces: replace)
            try await plan.take(crontab, session.client)
            try await plan.check(session.client)
            try await say(plan.faults)
            let isTaken = plan.faults.isEmpty || skipBad
            if isTaken, !dryRun { try await plan.add(session.client) }
            if isTaken, !plan.items.isEmpty {
                try await show(plan)
                if !dryRun { try await session.sayIfNobodyServes("Their times do not come") }
            }
            let bad = Set(plan.faults.map(\.line)).count
            if bad > 0 {
                let advice = plan.hasConflicts ? " Where a schedule is there: --replace replaces it, --prefix NAME makes others beside it." : ""
                let done = skipBad && !plan.items.isEmpty
                try await here.terminal.say(
                    done
                        ? "\(bad == 1 ? "1 line was" : "\(bad) lines were") left out.\(advice)"
                        : "Nothing was imported: \(bad) of its lines cannot be taken. Mend them, or import the others with --skip-bad.\(advice)")
                throw CommandExit.usage
            }
            if dryRun { try await here.terminal.say("Nothing was imported: this was a dry run.") }
        }
    }

    /// What several lines have in common is said once, with all their numbers.
    private func say(_ faults: [Crontab.Fault]) async throws {
        var lines: [String: [Int]] = [:]
        for fault in faults { lines[fault.why, default: []].append(fault.line) }
        for (why, numbers) in lines.mapValues({ Set($0).sorted() }).sorted(by: { ($0.value[0], $0.key) < ($1.value[0], $1.key) }) {
            let place = numbers.count == 1 ? "line \(numbers[0])" : "lines \(numbers.map(String.init).joined(separator: ", "))"
            try await Surroundings.here.terminal.say("\(place): \(why)".neutralised())
        }
    }

    private func show(_ plan: CrontabPlan) async throws {
        let terminal = Surroundings.here.terminal
        var table = Table("line", "schedule", "is", "when", "zone", "command")
        for item in plan.items {
            let zone = item.spec.timeZone ?? "UTC"
            table.add(
                .init(String(item.job.line)), .init(item.name), .init(item.words), .init(item.job.cron), .init(zone), .init(item.job.command))
        }
        try await terminal.show(table.lines(style: terminal.style, width: terminal.tableWidth))
    }
}
