import ArgumentParser
import FlowModel
import FlowWire

/// `diff RUN RUN`: where two runs differ.
struct DiffCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "diff", abstract: "Shows where two runs differ: flow, inputs, labels, and what became of each step.")
    @Argument(help: "A run.", transform: nameOfRun) var one: String
    @Argument(help: "The run to compare it with.", transform: nameOfRun) var other: String
    @OptionGroup var show: ShowOptions
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        try await Session.with(connection, need: .look) { session in
            let here = Surroundings.here
            let left = RunSide(try await session.client.run(one), try await session.client.steps(of: one))
            let right = RunSide(try await session.client.run(other), try await session.client.steps(of: other))
            let differences = RunDifference.all(between: left, and: right)
            if show.isJSON { return try await here.terminal.show(exact: JSON.object(["items": .array(differences.map(\.json))]).pretty) }
            guard !differences.isEmpty else { return try await here.terminal.say("No differences.") }
            let short = ShortIDs([left.run.id, right.run.id])
            var table = Table("what", short[left.run.id], short[right.run.id])
            for difference in differences { table.add(.init(difference.subject), .init(difference.one ?? "-"), .init(difference.other ?? "-")) }
            try await here.terminal.show(table.lines(style: here.terminal.style, width: here.terminal.tableWidth))
        }
    }
}

/// A run with all its steps.
struct RunSide {
    var run: Wire.Run
    var steps: [Wire.Step]

    init(_ run: Wire.Run, _ steps: [Wire.Step]) {
        self.run = run
        self.steps = steps
    }
}

/// A point in which two runs differ; nil where one has nothing.
struct RunDifference: Equatable {
    var subject: String
    var one: String?
    var other: String?

    var json: JSON {
        [
            "subject": .string(subject), "one": one.map(JSON.string) ?? .null, "other": other.map(JSON.string) ?? .null,
        ]
    }

    /// What the runs are, what went in, and what became of the steps, in the order of the first and then of the second.
    static func all(between one: RunSide, and other: RunSide) -> [RunDifference] {
        let facts = [
            RunDifference(subject: "flow", one: one.run.flow, other: other.run.flow),
            RunDifference(subject: "revision", one: one.run.revision.short, other: other.run.revision.short),
            RunDifference(subject: "state", one: one.run.state.rawValue, other: other.run.state.rawValue),
            RunDifference(subject: "actor", one: one.run.actor, other: other.run.actor),
        ]
        let inputs = pairs("input", one.run.inputs.objectValue ?? [:], other.run.inputs.objectValue ?? [:])
        let labels = pairs("label", one.run.labels.mapValues(JSON.string), other.run.labels.mapValues(JSON.string))
        return (facts + inputs + labels + steps(one.steps, other.steps)).filter { $0.one != $0.other }
    }

    private static func pairs(_ kind: String, _ one: [String: JSON], _ other: [String: JSON]) -> [RunDifference] {
        Set(one.keys).union(other.keys).sorted().map {
            RunDifference(subject: "\(kind) \($0)", one: one[$0]?.canonical, other: other[$0]?.canonical)
        }
    }

    private static func steps(_ one: [Wire.Step], _ other: [Wire.Step]) -> [RunDifference] {
        let left = Dictionary(one.map { ($0.path, $0) }, uniquingKeysWith: { first, _ in first })
        let right = Dictionary(other.map { ($0.path, $0) }, uniquingKeysWith: { first, _ in first })
        let paths = one.map(\.path) + other.map(\.path).filter { left[$0] == nil }
        return paths.flatMap { path in
            [
                RunDifference(subject: "step \(path)", one: left[path].map(words), other: right[path].map(words)),
                RunDifference(subject: "output \(path)", one: left[path]?.output?.canonical, other: right[path]?.output?.canonical),
            ]
        }
    }

    private static func words(_ step: Wire.Step) -> String {
        step.state.rawValue + (step.generation > 1 ? ", generation \(step.generation)" : "") + (step.reason.map { ": \($0)" } ?? "")
    }
}
