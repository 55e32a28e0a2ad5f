import ArgumentParser
import FlowModel
import FlowWire

/// `graph FILE|RUN`: the plan as a drawing.
struct GraphCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "graph", abstract: "Prints a flow as a graph, that of a run with its states.",
        discussion: "For example: flowctl graph flows/release.swift | dot -Tsvg > release.svg")

    @Argument(help: ArgumentHelp("A flow file, a run, or the name of a registered flow.", valueName: "file|run|name"))
    var subject: String
    @Option(name: .long, help: ArgumentHelp("For Graphviz or for Mermaid.", valueName: "dot|mermaid"))
    var format: GraphText.Format = .dot
    @OptionGroup var show: ShowOptions
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        if FlowSource.isFile(subject) {
            return try await draw(try await Surroundings.here.load(subject).plan, states: [:])
        }
        try await Session.with(connection, need: .look) { session in
            if GraphCommand.looksLikeRun(subject) {
                let preview = try await session.client.preview(of: subject)
                let steps = try await session.client.steps(of: subject)
                return try await draw(preview.plan, states: GraphCommand.states(of: steps))
            }
            let flow = try await session.client.fetch(Wire.Flow.self, "GET", "/v1/flows/\(percentEncoded(subject))")
            guard let plan = flow.plan else { return }
            try await draw(plan, states: [:])
        }
    }

    private func draw(_ plan: Plan, states: [String: StepState]) async throws {
        let terminal = Surroundings.here.terminal
        guard !show.isJSON else { return try await terminal.show(exact: try body(plan).pretty) }
        try await terminal.show(GraphText(plan, states: states).lines(format))
    }

    /// The first digits of a run's id are its time, so they never make a word: eight hexadecimal digits, then perhaps a dash.
    static func looksLikeRun(_ text: String) -> Bool {
        let head = text.prefix(8)
        return head.count >= 4 && head.allSatisfy { $0.isHexDigit && $0.isASCII }
            && text.allSatisfy { $0.isHexDigit || $0 == "-" }
            && text.first?.isNumber == true
    }

    /// The loudest state of all steps of a node; those of a map's elements count for the node of the body.
    static func states(of steps: [Wire.Step]) -> [String: StepState] {
        let order: [StepState] = [
            .failed, .unknown, .held, .running, .backingOff, .waiting, .cancelled, .ready, .pending, .succeeded, .skipped,
        ]
        return steps.reduce(into: [:]) { states, step in
            let node = nodeID(of: step.path)
            let rank = { (state: StepState) in order.firstIndex(of: state) ?? order.count }
            states[node] = states[node].map { rank($0) <= rank(step.state) ? $0 : step.state } ?? step.state
        }
    }

    /// `deploy[web-1]/switch` → `deploy/switch`.
    private static func nodeID(of path: StepPath) -> String {
        let names = StepTree.ancestry(of: path.text).filter { !$0.hasSuffix("]") }
        return names.map { name in
            let start = name.lastIndex(of: "/").map(name.index(after:)) ?? name.startIndex
            return String(name[start...])
        }.joined(separator: "/")
    }
}

extension GraphText.Format: ExpressibleByArgument {}
extension StepState: ExpressibleByArgument {}
