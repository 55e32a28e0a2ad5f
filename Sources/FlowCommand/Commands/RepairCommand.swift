import ArgumentParser
import FlowModel

/// `repair`: a damaged home, mended as far as it can be.
struct RepairCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "repair", abstract: "Mends the database of a stopped home from what is left, and says what was kept and lost.",
        discussion: """
            Everything as it was is copied aside first. When something was lost, the next start is that of a restored backup: open runs \
            are paused, and hosts are asked. Exit status 5 when nothing can be kept: restore a backup then.
            """)
    @Option(name: .long, help: "The engine's directory; FLOW_HOME else, or .flow here.", completion: .directory)
    var home: String?
    @Flag(name: .long, help: "Give up secrets whose key is lost, and make a new key.")
    var forgetSecrets = false

    func run() async throws {
        let here = Surroundings.here
        let path = here.absolute(home ?? here.environment["FLOW_HOME"]?.nonEmpty ?? ".flow").withoutTrailingSlash
        let report = try await here.engines.repair(home: path, forgettingSecrets: forgetSecrets)
        try await here.terminal.show(report.kept.map { "kept  \($0.neutralised())" } + report.lost.map { "lost  \($0.neutralised())" })
        guard let copy = report.copy else { return }
        try await here.terminal.say("Everything as it was is in \(copy). Remove it when you need it no more.")
    }
}
