import ArgumentParser
import FlowModel
import FlowWire

/// `artifacts RUN [STEP]`: the files that steps have fetched.
struct ArtifactsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "artifacts", abstract: "Lists the files that the steps of a run have fetched, or downloads them.",
        discussion: """
            --download DIR writes each to DIR/STEP/NAME and checks its SHA-256. A file that is there already and has the same content is left; \
            one with another content is an error, and is not written over.
            """)

    @Argument(help: "The run's id, or the start of it that no other run has.", transform: nameOfRun) var run: String
    @Argument(help: "Only that of this step, as 'flowctl steps' names it.") var step: String?
    @Option(name: .long, help: ArgumentHelp("Download them into this directory.", valueName: "dir"), completion: .directory)
    var download: String?
    @OptionGroup var show: ShowOptions
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        try await Session.with(connection, need: .look) { session in
            let all = try await session.client.artifacts(of: run)
            let items = step.map { step in all.filter { $0.step.text == step } } ?? all
            if let step, items.isEmpty { throw Messages.noArtifact(step, of: run, among: all.map(\.step)) }
            let here = Surroundings.here
            guard let download else {
                if show.isJSON { return try await here.terminal.show(exact: try body(Wire.Page(items: items)).pretty) }
                guard !items.isEmpty else { return try await here.terminal.say("No artifacts.") }
                return try await here.terminal.show(RunTables.artifacts(items).lines(style: here.terminal.style, width: here.terminal.tableWidth))
            }
            for item in items { try await get(item, into: download, session) }
            if items.isEmpty { try await here.terminal.say("No artifacts: nothing was downloaded.") }
        }
    }

    private func get(_ item: Wire.Artifact, into folder: String, _ session: Session) async throws {
        let here = Surroundings.here
        // Whatever a server says, nothing leads out of the directory.
        guard Artifact.isName(item.name) else {
            throw FlowError(.usage, subject: item.step.text, "'\(item.name)' was not downloaded: it \(Artifact.nameRule).")
        }
        let path = "\(folder)/\(ArtifactsCommand.folder(of: item.step))/\(item.name)"
        do {
            let isNew = try await here.files.download(here.absolute(path), as: item.sha256) { write in
                try await session.client.artifact(item.step, of: run, receive: write)
            }
            try await here.terminal.show([isNew ? path : "\(path) (was there)"])
        } catch {
            throw FlowClient.flowError(error, at: session.client.address())
        }
    }

    /// Another one for each step, and none that leads elsewhere, whatever keys of maps are in its path.
    static func folder(of step: StepPath) -> String {
        step.text.split(separator: "/", omittingEmptySubsequences: false).map { part in
            let isSpecial = part.isEmpty || part == "." || part == ".."
            let encoded = part.unicodeScalars.map { scalar -> String in
                guard scalar == "%" || scalar.properties.generalCategory == .control || isSpecial else { return String(scalar) }
                return String(scalar).utf8.map { "%" + ($0 < 16 ? "0" : "") + String($0, radix: 16, uppercase: true) }.joined()
            }
            return part.isEmpty ? "%" : encoded.joined()
        }.joined(separator: "/")
    }
}
