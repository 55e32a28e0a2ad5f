import ArgumentParser
import FlowModel
import FlowWire

/// `undo RUN [STEP] -m`: takes back what a run or a rollout did. `--dry-run` shows what that would be.
struct UndoCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "undo", abstract: "Takes back what a run that has ended did, or a part of it.",
        discussion: """
            Steps are undone by what their 'undo:' says, in the reverse of the order in which they need each other; a stage begins when the one \
            before it is over. With a step that one is undone and what came after it. Of a rollout its targets are undone on which something was \
            done, last ones first, as many at once as it allows; also while its run goes on, when it has ended or is held: then it has failed. \
            When something cannot be undone the rest stays as it is: repair it and undo again, or resolve or skip what undoes it.
            """)
    @Argument(help: "The run.", transform: nameOfRun) var run: String
    @Argument(help: "The step, as 'flowctl steps' names it; the whole run unless given.") var step: String?
    @Flag(name: .long, help: "Show what would be undone, and in which order, and undo nothing.") var dryRun = false
    @OptionGroup var options: ControlOptions

    func validate() throws {
        if !dryRun { try options.message.demand("why it is undone") }
    }

    func run() async throws {
        if dryRun { return try await show() }
        let body = try body(Wire.Message(message: options.message.message))
        try await options.post(
            "undo", run, path: { client in step.map { client.path(run, step: StepPath($0), "/undo") } ?? client.path(run, "/undo") }, body: body)
    }

    private func show() async throws {
        let here = Surroundings.here
        try await Session.with(options.connection) { session in
            let plan = try await session.client.undoPlan(of: run, from: step)
            if options.show.isJSON { return try await here.terminal.show(exact: try body(plan).pretty) }
            var table = Table("stage", "step", "target", "by")
            for (number, stage) in plan.stages.enumerated() {
                for item in stage {
                    table.add(.init(String(number + 1)), .init(item.step.text), .init(item.target ?? ""), .init(item.by.joined(separator: ", ")))
                }
            }
            try await here.terminal.show(table.lines(style: here.terminal.style, width: here.terminal.tableWidth))
            // No 'undo:' is no fault, and easily forgotten.
            if let stays = plan.stays { try await here.terminal.show("stays: \(stays.joined(separator: ", "))".neutralised()) }
        }
    }
}
