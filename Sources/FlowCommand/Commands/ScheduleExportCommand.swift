import ArgumentParser
import FlowModel
import FlowWire

/// `schedule export`: the schedules as a crontab that starts the same runs.
struct ScheduleExport: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "export", abstract: "Writes the schedules as a crontab; what cron cannot say becomes a comment.",
        discussion: """
            A schedule of which cron cannot say everything (paused, with a calendar, a queue …) is written as comments, with what is missing. \
            'schedule import' reads the other lines back as the schedules that they were.
            """)
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        try await Session.with(connection) { session in
            let schedules = try await session.client.list(Wire.Schedule.self, "/v1/schedules")
            let terminal = Surroundings.here.terminal
            guard !schedules.isEmpty else { return try await terminal.say("No schedules.") }
            var lines = head
            var zone: String?
            for entry in schedules.map(CrontabEntry.init) {
                if entry.reasons.isEmpty, entry.zone != zone {
                    zone = entry.zone
                    lines.append("CRON_TZ=\(entry.zone)")
                }
                lines += entry.lines
            }
            // A file gets what was meant, byte for byte; a screen nothing that steers it.
            if lines.isEmpty { return }
            if terminal.isInteractive { try await terminal.show(lines) } else { try await terminal.show(exact: lines.joined(separator: "\n")) }
        }
    }

    /// What holds for all lines. cron has an environment of its own: the engine is named there.
    private var head: [String] {
        let lines = [
            "# Written by flowctl schedule export. cron starts every time, also beside a run that goes on, and catches nothing up.",
            "# CRON_TZ is understood by cronie; other crons take the machine's zone. flowctl must be in cron's PATH.",
        ]
        let server = connection.server ?? Surroundings.here.environment["FLOW_SERVER"] ?? ""
        let (name, value) = connection.leadsToHome ? ("FLOW_HOME", connection.homePath) : ("FLOW_SERVER", server)
        let setting = "\(name)=\(value)"
        // A crontab has no way to write every text.
        return lines + [shellQuoted(value) == value ? setting : "# set by hand: \(setting)".neutralised()]
            + (connection.leadsToHome ? [] : ["# set by hand: FLOW_TOKEN"])
    }
}
