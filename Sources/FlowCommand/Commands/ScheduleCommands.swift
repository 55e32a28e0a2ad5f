import ArgumentParser
import FlowModel
import FlowWire

/// `schedule …`: what runs when.
struct ScheduleCommands: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "schedule", abstract: "Says when registered flows run.",
        subcommands: [
            Add.self, List.self, Show.self, Remove.self, Pause.self, Resume.self, Next.self, Missed.self, Backfill.self, Run.self,
            ScheduleImport.self, ScheduleExport.self,
        ])

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Lists schedules.")
        @OptionGroup var show: ShowOptions
        @OptionGroup var connection: ConnectionOptions

        func run() async throws {
            try await Session.with(connection, need: .look) { session in
                let items = try await session.client.items("/v1/schedules")
                let terminal = Surroundings.here.terminal
                if show.isJSON { return try await terminal.show(exact: JSON.object(["items": .array(items)]).pretty) }
                let schedules = try items.map { try session.client.decode(Wire.Schedule.self, $0) }
                guard !schedules.isEmpty else {
                    return try await terminal.say("No schedules. Add one with: flowctl schedule add NAME FLOW --cron '0 3 * * *'")
                }
                var table = Table("schedule", "flow", "when", "zone", "next", "state")
                for schedule in schedules {
                    table.add(
                        .init(schedule.name), .init(schedule.spec.flow), .init(ScheduleText.timing(schedule.spec)),
                        .init(schedule.spec.timeZone ?? "UTC"), .init(ScheduleText.next(schedule)),
                        .init(ScheduleText.state(schedule)))
                }
                try await terminal.show(table.lines(style: terminal.style, width: terminal.tableWidth))
            }
        }
    }

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Shows a schedule and what became of its last times.")
        @Argument(help: "Its name.") var name: String
        @Option(name: .long, help: ArgumentHelp("How many of its last times.", valueName: "count")) var times = 10
        @OptionGroup var show: ShowOptions
        @OptionGroup var connection: ConnectionOptions

        func run() async throws {
            try await Session.with(connection, need: .look) { session in
                let json = try await session.client.request("GET", ScheduleText.path(name))
                let times = try await session.client.request("GET", ScheduleText.path(name, "occurrences"), query: [("limit", String(times))])
                let terminal = Surroundings.here.terminal
                if show.isJSON {
                    var members = json.objectValue ?? [:]
                    members["times"] = times["items"]
                    return try await terminal.show(exact: JSON.object(members).pretty)
                }
                try await terminal.show(ScheduleText.lines(try session.client.decode(Wire.Schedule.self, json), style: terminal.style))
                let page = try session.client.decode(Wire.Page<Wire.Occurrence>.self, times)
                if !page.items.isEmpty { try await ScheduleText.show(page.items, terminal) }
            }
        }
    }

    struct Remove: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Removes a schedule; its records and runs stay.")
        @Argument(help: "Its name.") var name: String
        @OptionGroup var connection: ConnectionOptions

        func run() async throws {
            try await Session.with(connection) { session in
                _ = try await session.client.request("DELETE", ScheduleText.path(name))
                try await Surroundings.here.terminal.say("Removed schedule '\(name)'.")
            }
        }
    }

    struct Pause: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Lets the times of a schedule pass: each is recorded as paused.",
            discussion:
                "A time that waits for the run before it (--overlap queue) is held until the pause ends; times that somebody backfills are not.")
        @Argument(help: "Its name.") var name: String
        @Option(name: [.customShort("m"), .long], help: "Why.") var message: String
        @Option(name: .long, help: ArgumentHelp("When the pause ends by itself: 2026-03-01T08:00:00Z.", valueName: "time")) var until: String?
        @OptionGroup var show: ShowOptions
        @OptionGroup var connection: ConnectionOptions

        func run() async throws {
            let request = Wire.SchedulePause(reason: message, until: try until.map { try ScheduleText.instant($0, "--until") })
            let body = try body(request)
            try await Session.with(connection) { session in
                let json = try await session.client.request("POST", ScheduleText.path(name, "pause"), body: body)
                try await ScheduleText.showOne(json, show, session)
                // Not only what comes, also what has come and waits.
                guard try session.client.decode(Wire.Schedule.self, json).spec.overlap == .queue else { return }
                try await Surroundings.here.terminal.say("A time that waits for a run before it is held, too, until the pause ends.".neutralised())
            }
        }
    }

    struct Resume: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Ends the pause of a schedule.")
        @Argument(help: "Its name.") var name: String
        @OptionGroup var show: ShowOptions
        @OptionGroup var connection: ConnectionOptions

        func run() async throws {
            try await ScheduleText.change("POST", ScheduleText.path(name, "resume"), nil, show, connection)
        }
    }

    struct Next: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Shows the next times of a schedule.")
        @Argument(help: "Its name.") var name: String
        @Option(name: .shortAndLong, help: "How many; 10 unless given.") var number = 10
        @OptionGroup var show: ShowOptions
        @OptionGroup var connection: ConnectionOptions

        func run() async throws {
            try await ScheduleText.list(ScheduleText.path(name, "next"), [("limit", "\(number)")], show, connection)
        }
    }

    struct Missed: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Shows the times of a schedule that led to no run, and why.")
        @Argument(help: "Its name.") var name: String
        @Option(name: .shortAndLong, help: "How many; 50 unless given.") var number = 50
        @OptionGroup var show: ShowOptions
        @OptionGroup var connection: ConnectionOptions

        func run() async throws {
            try await ScheduleText.list(
                ScheduleText.path(name, "occurrences"), [("missed", "true"), ("limit", "\(number)")], show, connection)
        }
    }

    struct Backfill: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Runs the times of a stretch that led to no run, each by the schedule's revision of that time.")
        @Argument(help: "Its name.") var name: String
        @Option(name: .long, help: ArgumentHelp("The first time: 2026-03-01T00:00:00Z.", valueName: "time")) var from: String
        @Option(name: .long, help: ArgumentHelp("The last time.", valueName: "time")) var until: String
        @Flag(name: .long, help: "Only say which.") var dryRun = false
        @Option(
            name: .long,
            help: ArgumentHelp(
                "While a run of the schedule goes on: queue, allow, skip or replace; one after the other unless given, or all at once where the "
                    + "schedule says allow.", valueName: "what"))
        var overlap: ScheduleSpec.Overlap?
        @OptionGroup var show: ShowOptions
        @OptionGroup var connection: ConnectionOptions

        func run() async throws {
            let request = Wire.Backfill(
                from: try ScheduleText.instant(from, "--from"), until: try ScheduleText.instant(until, "--until"), dryRun: dryRun ? true : nil,
                overlap: overlap)
            let body = try body(request)
            try await Session.with(connection) { session in
                let json = try await session.client.request("POST", ScheduleText.path(name, "backfill"), body: body)
                try await ScheduleText.show(json, show, session)
            }
        }
    }

    struct Run: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Starts a run of a schedule now, outside its times.")
        @Argument(help: "Its name.") var name: String
        @OptionGroup var show: ShowOptions
        @OptionGroup var connection: ConnectionOptions

        func run() async throws {
            try await Session.with(connection, need: .beyond) { session in
                let json = try await session.client.request("POST", ScheduleText.path(name, "run"))
                let run = try session.client.decode(Wire.Run.self, json)
                try await Surroundings.here.terminal.show(exact: show.isJSON ? json.pretty : run.id.text)
            }
        }
    }
}
