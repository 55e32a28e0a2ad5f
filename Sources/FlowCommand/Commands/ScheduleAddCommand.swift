import ArgumentParser
import FlowModel
import FlowWire

extension ScheduleCommands {
    /// `schedule add NAME FLOW`: when, and with what.
    struct Add: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Adds a schedule, or a new revision of it.",
            discussion: """
                Exactly one of --cron, --at and --alarm says when. A cron expression has five fields with names, lists, ranges and steps; \
                L is the last day of the month, 5L the last Friday, 5#2 the second; @hourly, @daily and their kind are understood.
                """)

        @Argument(help: "The schedule's name.") var name: String
        @Argument(help: "A registered flow.") var flow: String
        @Option(name: .long, help: ArgumentHelp("As in a crontab: '0 3 * * 1-5'.", valueName: "expression")) var cron: String?
        @Option(name: .long, help: ArgumentHelp("Once: '2026-03-29 14:30'.", valueName: "time")) var at: String?
        @Option(name: .long, help: ArgumentHelp("Times and weekdays: '07:30 Mon-Fri'.", valueName: "times")) var alarm: String?
        @Option(name: .long, help: ArgumentHelp("Whose clock: Europe/Berlin; UTC unless given.", valueName: "zone")) var timeZone: String?
        @Option(name: .long, help: ArgumentHelp("Times that the clock jumps over.", valueName: "shift|skip")) var gap: ClockChange.Gap?
        @Option(name: .long, help: ArgumentHelp("Times that the clock shows twice.", valueName: "first|last|both")) var fold: ClockChange.Fold?
        @Option(name: .long, help: ArgumentHelp("Dates from calendars/NAME.txt in the engine's home; repeat it for each.", valueName: "name"))
        var calendar: [String] = []
        @Option(name: .long, help: "Spreads the start over so many seconds.") var jitter: Int?
        @Option(name: .long, help: ArgumentHelp("What was missed while the engine was down; last unless given.", valueName: "none|last|all"))
        var catchUp: ScheduleSpec.CatchUp?
        @Option(name: .long, help: "Seconds after which a missed time is not caught up; a day unless given.") var maxAge: Int?
        @Option(
            name: .long, help: ArgumentHelp("While a run goes on; skip unless given.", valueName: "allow|queue|skip|replace"))
        var overlap: ScheduleSpec.Overlap?
        @Option(name: .long, help: ArgumentHelp("A label of its runs; repeat it for each.", valueName: "key=value")) var label: [String] = []
        @OptionGroup var inputs: InputOptions
        @OptionGroup var show: ShowOptions
        @OptionGroup var connection: ConnectionOptions

        func run() async throws {
            var spec = ScheduleSpec(flow: flow)
            (spec.cron, spec.at, spec.alarm, spec.timeZone) = (cron, at, alarm, timeZone)
            (spec.gap, spec.fold, spec.overlap, spec.catchUp) = (gap, fold, overlap, catchUp)
            (spec.jitterSeconds, spec.maxAgeSeconds, spec.limit) = (jitter, maxAge, inputs.limit)
            spec.calendars = calendar.isEmpty ? nil : calendar
            let labels = try pairs(of: label, option: "--label")
            spec.labels = labels.isEmpty ? nil : Dictionary(labels.map { ($0.name, $0.text) }, uniquingKeysWith: { $1 })
            let written = spec
            try await Session.with(connection) { session in
                var spec = written
                let flow = try await session.client.fetch(Wire.Flow.self, "GET", "/v1/flows/\(percentEncoded(flow))")
                let values = try await inputs.values(for: flow.parameters, failing: "Schedule '\(name)' was not taken")
                spec.inputs = values.isEmpty ? nil : values
                let json = try await session.client.request("PUT", ScheduleText.path(name), body: try body(spec))
                try await ScheduleText.showOne(json, show, session)
                try await session.sayIfNobodyServes("Its times do not come")
            }
        }
    }
}

extension ClockChange.Gap: ExpressibleByArgument {}
extension ClockChange.Fold: ExpressibleByArgument {}
extension ScheduleSpec.CatchUp: ExpressibleByArgument {}
extension ScheduleSpec.Overlap: ExpressibleByArgument {}
