import ArgumentParser
import FlowModel

/// The command line.
struct Flowctl: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "flowctl",
        abstract: "Runs operations as durable workflows.",
        usage: "flowctl <subcommand> …",
        discussion: """
            Without a server, the engine is here: its home is .flow in this directory, or what FLOW_HOME or --home names. \
            FLOW_SERVER or --server names a server, and FLOW_TOKEN holds the token for it.

            Exit status: 0 succeeded, 1 the followed run failed, 2 usage or inputs, 3 not found, 4 refused, \
            5 cannot open, reach or write, 130 interrupted (the run goes on).
            """,
        groupedSubcommands: [
            CommandGroup(
                name: "Flows",
                subcommands: [
                    FlowCommands.self, PlanCommand.self, RehearseCommand.self, RunCommand.self, ExecCommand.self, ScheduleCommands.self,
                    HookCommands.self,
                    ChangeRuleCommands<Freezes>.self, ChangeRuleCommands<Windows>.self,
                ]),
            CommandGroup(
                name: "Runs",
                subcommands: [
                    ListCommand.self, ShowCommand.self, StepsCommand.self, WatchCommand.self, GraphCommand.self,
                    LogsCommand.self, ArtifactsCommand.self,
                    WhyCommand.self, PauseCommand.self, ResumeCommand.self, CancelCommand.self, KillCommand.self,
                    RetryCommand.self,
                    SkipCommand.self, ResolveCommand.self, RolloutCommand.self, ReleaseCommand.self, UndoCommand.self,
                    EditCommand.self, HoldCommand.self, SignalCommand.self, DiffCommand.self, LocksCommand.self,
                    ReprioritiseCommand.self,
                ]),
            CommandGroup(name: "Approvals", subcommands: [ApprovalsCommand.self, ApproveCommand.self, RejectCommand.self, ApprovalGroup.self]),
            CommandGroup(
                name: "Hosts", subcommands: [InventoryCommands.self, HostsCommand.self, PingCommand.self]),
            CommandGroup(name: "People", subcommands: [UserCommands.self, TokenCommands.self]),
            CommandGroup(
                name: "Engine",
                subcommands: [
                    ServerCommand.self, DoctorCommand.self, BackupCommand.self, RepairCommand.self, VersionCommand.self, CompletionCommand.self,
                ]),
        ])

    /// See `runFlowctl`.
    fileprivate static func run(_ arguments: [String], in surroundings: Surroundings) async -> CommandExit {
        await Surroundings.$bound.withValue(surroundings) {
            do {
                if let error = Messages.noCommand(arguments, of: flowctlCommands()) { throw error }
                var command = try parseAsRoot(arguments)
                if var command = command as? any AsyncParsableCommand {
                    try await command.run()
                } else {
                    try command.run()
                }
                return .succeeded
            } catch {
                return await end(with: error, surroundings.terminal)
            }
        }
    }

    /// Help goes to standard output with status 0, everything else to standard error.
    private static func end(with error: any Error, _ terminal: Terminal) async -> CommandExit {
        do {
            switch error {
            case let status as CommandExit: return status
            case let error as FlowError:
                try await terminal.say(Messages.text(of: error))
                return CommandExit(error.code)
            case is CancellationError: return .interrupted
            case let error as WriteFailure: throw error
            default: break
            }
            if exitCode(for: error).isSuccess {
                try await terminal.show(fullMessage(for: error))
                return .succeeded
            }
            guard exitCode(for: error) == .validationFailure else {
                try await terminal.say(Messages.text(of: error))
                return .unavailable
            }
            try await terminal.say(fullMessage(for: error))
            return .usage
        } catch {
            // Nobody can be told: standard output or error is gone.
            return .unavailable
        }
    }
}

/// Does what the arguments of a command line say and returns how to end. Says everything that there is to say.
package func runFlowctl(_ arguments: [String], in surroundings: Surroundings) async -> CommandExit {
    await Flowctl.run(arguments, in: surroundings)
}

/// Why this command line would be refused before anything is done; nil when it would not.
package func flowctlFault(_ arguments: [String]) -> String? {
    if let error = Messages.noCommand(arguments, of: flowctlCommands()) { return error.message }
    do {
        _ = try Flowctl.parseAsRoot(arguments)
        return nil
    } catch {
        return Flowctl.message(for: error)
    }
}

/// Standard output or error cannot be written; nobody reads what would be said about it.
package struct WriteFailure: Error, Sendable {
    package var message: String
    /// Whoever read it is gone.
    package var isClosedPipe: Bool

    package init(_ message: String, isClosedPipe: Bool = false) {
        self.message = message
        self.isClosedPipe = isClosedPipe
    }
}

extension RunState: ExpressibleByArgument {}

/// The words of every command, `["flow", "add"]`, in the order of the help: what the reference must describe.
package func flowctlCommands() -> [[String]] {
    func paths(_ command: any ParsableCommand.Type, _ words: [String]) -> [[String]] {
        [words] + command.configuration.subcommands.flatMap { paths($0, words + [$0._commandName]) }
    }
    return paths(Flowctl.self, [])
}
