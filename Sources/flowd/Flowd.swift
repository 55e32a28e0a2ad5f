import ArgumentParser
import FlowModel
import FlowServer
import Glibc

/// The engine as a service. `flowctl server` is the same thing.
@main struct Flowd: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "flowd", abstract: "Runs the Flow engine on one directory, until SIGTERM.",
        discussion: "Scripts that run go on when it ends, and are taken up again when it starts.")

    @Option(
        help: ArgumentHelp("The directory that holds everything.", discussion: "$FLOW_HOME unless given, else /var/lib/flow."))
    var home: String?
    @Option(help: "The inventory file, instead of the one in flowd.yaml.")
    var inventory: String?

    func run() async throws {
        let home = home ?? getenv("FLOW_HOME").map { String(cString: $0) } ?? "/var/lib/flow"
        do {
            try await FlowServer.serve(.init(home: home, inventory: inventory, logger: FlowServer.standardLogger(home: home)))
        } catch {
            let line = "flowd: \(Flowd.text(of: error))\n"
            _ = line.withCString { write(STDERR_FILENO, $0, strlen($0)) }
            // 2: the configuration is wrong. 5: cannot open, reach or write (docs/reference/cli.md).
            throw ExitCode(error.code == .usage ? 2 : 5)
        }
    }

    /// As `flowctl` says it: what, each fault on its own line, what to type next.
    private static func text(of error: FlowError) -> String {
        let faults = error.errors.map { fault in
            let place = fault.location.map { "\($0): " } ?? ""
            return "  \(place)\(fault.subject): \(fault.message)"
        }
        return ([error.message] + faults + [error.hint.map { "Next: \($0)" }].compactMap { $0 }).joined(separator: "\n")
    }
}
