import FlowModel

/// The lines of a user's crontab.
struct Crontab {
    struct Job: Equatable {
        var line: Int
        var cron: String
        /// As cron hands it to the shell.
        var command: String
        var zone: String?
        /// The schedule that `schedule export` wrote the line for; nil for what anybody else wrote.
        var exported: ExportedSchedule?
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
        // Stands in the line before its job, and in no other.
        var mark: ExportedSchedule.Mark?
        for (index, line) in WrittenText.lines(of: text).enumerated() {
            let content = line.drop(while: \.isWhitespace)
            let above = mark
            mark = ExportedSchedule.Mark(content)
            if content.isEmpty || content.hasPrefix("#") { continue }
            if let setting = Crontab.setting(content) {
                if setting.name == "CRON_TZ" || setting.name == "TZ" { zone = setting.value } else { leaveOut(setting.name, index + 1) }
            } else {
                take(content, index + 1, zone, above)
            }
        }
    }

    private mutating func leaveOut(_ name: String, _ line: Int) {
        let note = Fault(line: line, why: "the setting \(name) is not taken over")
        switch name {
        // Where mail goes, and where flowctl finds the engine.
        case "MAILTO", "MAILFROM", "FLOW_HOME", "FLOW_SERVER", "FLOW_TOKEN": notes.append(note)
        default: faults.append(note)
        }
    }

    private mutating func take(_ content: Substring, _ line: Int, _ zone: String?, _ mark: ExportedSchedule.Mark?) {
        func refuse(_ why: String) { faults.append(Fault(line: line, why: why)) }
        let count = content.hasPrefix("@") ? 1 : 5
        let words = content.split(maxSplits: count, whereSeparator: \.isWhitespace)
        guard words.count == count + 1 else { return refuse("it has no command behind its \(count == 1 ? "name" : "five fields")") }
        let cron = words.prefix(count).joined(separator: " ")
        if cron.lowercased() == "@reboot" { return refuse("@reboot is no time") }
        guard words[count].utf8.count <= CommandLimits.cronCommandBytes else {
            return refuse(
                "its command has \(words[count].utf8.count) bytes, of which cron reads and runs \(CommandLimits.cronCommandBytes): write a script")
        }
        guard let command = CrontabWords.command(words[count].drop { $0 == " " || $0 == "\t" }) else {
            return refuse("its command has a bare %, which cron takes for the start of the input: write a script, or \\% where a % is meant")
        }
        let exported = mark.flatMap { ExportedSchedule($0, command: command) }
        jobs.append(Job(line: line, cron: cron, command: command, zone: zone, exported: exported))
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
}
