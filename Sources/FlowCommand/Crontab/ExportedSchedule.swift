import FlowModel

/// What `schedule export` writes of a schedule beside its time, and reads again: its name in a comment, and the command that starts the same run.
struct ExportedSchedule: Equatable {
    /// The comment above the line: `# flow schedule nightly overlap=skip catch-up=last`.
    struct Mark: Equatable {
        private static let start = "# flow schedule "
        private static let (overlap, catchUp) = ("overlap=", "catch-up=")

        var name: String
        var overlap: ScheduleSpec.Overlap
        var catchUp: ScheduleSpec.CatchUp

        init(_ schedule: String, _ spec: ScheduleSpec) {
            name = schedule
            overlap = spec.overlap ?? .skip
            catchUp = spec.catchUp ?? .last
        }

        init?(_ line: Substring) {
            guard line.hasPrefix(Mark.start) else { return nil }
            let words = line.dropFirst(Mark.start.count).split(separator: " ")
            guard words.count == 3, words[1].hasPrefix(Mark.overlap), words[2].hasPrefix(Mark.catchUp),
                let overlap = ScheduleSpec.Overlap(rawValue: String(words[1].dropFirst(Mark.overlap.count))),
                let catchUp = ScheduleSpec.CatchUp(rawValue: String(words[2].dropFirst(Mark.catchUp.count)))
            else { return nil }
            name = String(words[0])
            self.overlap = overlap
            self.catchUp = catchUp
        }

        var line: String { "\(Mark.start)\(name) \(Mark.overlap)\(overlap.rawValue) \(Mark.catchUp)\(catchUp.rawValue)" }
    }

    private static let start = ["flowctl", "run", "--detach"]

    var mark: Mark
    var flow: String
    /// `name=value`, as behind `-p`.
    var inputs: [String] = []
    var limit: String?
    /// `name=value`.
    var labels: [String] = []

    init(_ schedule: String, _ spec: ScheduleSpec) {
        mark = Mark(schedule, spec)
        flow = spec.flow
        inputs = (spec.inputs ?? [:]).sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value.stringValue ?? $0.value.canonical)" }
        labels = (spec.labels ?? [:]).sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
        limit = spec.limit
    }

    /// nil for a command that `schedule export` does not write: it is one for a shell, whatever the comment says.
    init?(_ mark: Mark, command: String) {
        let first = ExportedSchedule.start.count
        guard let words = CrontabWords.words(of: command), words.count > first, words.prefix(first).elementsEqual(ExportedSchedule.start) else {
            return nil
        }
        self.mark = mark
        flow = words[first]
        var rest = words.dropFirst(first + 1)
        while let word = rest.popFirst() {
            // What begins with a - stands behind a =.
            let parts = word.hasPrefix("--") ? word.split(separator: "=", maxSplits: 1).map(String.init) : [word]
            guard let value = parts.count == 2 ? parts[1] : rest.popFirst() else { return nil }
            switch parts[0] {
            case "-p": inputs.append(value)
            case "--label": labels.append(value)
            case "--limit" where limit == nil: limit = value
            default: return nil
            }
        }
    }

    /// The command line of the crontab.
    var command: String {
        var words = ExportedSchedule.start + [flow] + inputs.flatMap { ["-p", $0] }
        if let limit { words += ExportedSchedule.option("--limit", limit) }
        words += labels.flatMap { ExportedSchedule.option("--label", $0) }
        return words.map(CrontabWords.quoted).joined(separator: " ")
    }

    private static func option(_ name: String, _ value: String) -> [String] { value.hasPrefix("-") ? ["\(name)=\(value)"] : [name, value] }
}
