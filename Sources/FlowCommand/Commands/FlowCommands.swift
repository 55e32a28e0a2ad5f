import ArgumentParser
import FlowModel
import FlowWire

/// `flow …`: registered flows and flow files.
struct FlowCommands: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "flow", abstract: "Registers, lists and checks flows.",
        subcommands: [Add.self, List.self, Show.self, Check.self, New.self, Remove.self])

    struct Add: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Registers flows, or new revisions of them.")
        @Argument(help: ArgumentHelp("Flow files.", valueName: "file"), completion: .file(extensions: ["swift", "json"]))
        var files: [String]
        @OptionGroup var show: ShowOptions
        @OptionGroup var connection: ConnectionOptions

        func run() async throws {
            // All of them load, or none is registered.
            var loaded: [(String, LoadedFile)] = []
            for file in files { loaded.append((file, try await Surroundings.here.load(file))) }
            try await Session.with(connection) { session in
                for (file, flow) in loaded {
                    var request = try await FlowSource.store(flow, session.client)
                    request.source = file
                    let path = "/v1/flows/\(percentEncoded(flow.plan.flow))"
                    let json = try await session.client.request("PUT", path, body: try body(request))
                    let terminal = Surroundings.here.terminal
                    if show.isJSON {
                        try await terminal.show(exact: json.pretty)
                    } else {
                        let added = try session.client.decode(Wire.Flow.self, json)
                        try await terminal.say(
                            "Registered '\(added.name)', revision \(added.revision.short). Run it with: flowctl run \(added.name)"
                        )
                        for line in FlowText.embedded(flow.plan) { try await terminal.say(line) }
                        for warning in added.warnings ?? [] {
                            try await terminal.say("Cannot start it as it is: \(warning.subject): \(warning.message)".neutralised())
                        }
                        for trigger in flow.plan.triggers ?? [] {
                            try await terminal.say("Starts by itself: \(FlowText.trigger(trigger, of: added.name))")
                        }
                    }
                }
            }
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Lists registered flows.")
        @OptionGroup var show: ShowOptions
        @OptionGroup var connection: ConnectionOptions

        func run() async throws {
            try await Session.with(connection, need: .look) { session in
                let json = try await session.client.whole("/v1/flows")
                let here = Surroundings.here
                if show.isJSON { return try await here.terminal.show(exact: json.pretty) }
                let flows = try session.client.decode(Wire.Page<Wire.Flow>.self, json).items
                guard !flows.isEmpty else {
                    return try await here.terminal.say("No flows. Register one with: flowctl flow add FILE")
                }
                var table = Table("flow", "revision", "steps", "added", "by", "source", "summary")
                for flow in flows {
                    table.add(
                        .init(flow.name), .init(flow.revision.short), .init("\(flow.steps)"), .init(momentText(flow.addedAt)),
                        .init(flow.addedBy), .init(flow.source ?? ""), .init(flow.summary ?? ""))
                }
                try await here.terminal.show(table.lines(style: here.terminal.style, width: here.terminal.tableWidth))
            }
        }
    }

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Shows a registered flow: parameters and steps.")
        @Argument(help: "Its name.") var name: String
        @OptionGroup var show: ShowOptions
        @OptionGroup var connection: ConnectionOptions

        func run() async throws {
            try await Session.with(connection, need: .look) { session in
                let json = try await session.client.request("GET", "/v1/flows/\(percentEncoded(name))")
                let here = Surroundings.here
                if show.isJSON { return try await here.terminal.show(exact: json.pretty) }
                let flow = try session.client.decode(Wire.Flow.self, json)
                try await here.terminal.show(FlowText.lines(flow, style: here.terminal.style))
            }
        }
    }

    struct Check: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Compiles and validates flow files; registers and starts nothing.")
        @Argument(help: ArgumentHelp("Flow files.", valueName: "file"), completion: .file(extensions: ["swift", "json"]))
        var files: [String]
        @OptionGroup var show: ShowOptions

        func run() async throws {
            let here = Surroundings.here
            var failed = false
            for file in files {
                do throws(FlowError) {
                    let loaded = try await here.load(file)
                    if show.isJSON {
                        try await report([
                            "file": .string(file), "flow": .string(loaded.plan.flow), "revision": .string(loaded.revision.hex),
                            "embedded": .array(FlowText.embeddedNames(loaded.plan).map(JSON.string)),
                        ])
                    } else {
                        try await say(
                            "\(file): flow '\(loaded.plan.flow)', \(loaded.plan.nodes.count) steps, revision \(loaded.revision.short)"
                        )
                        for line in FlowText.embedded(loaded.plan) { try await say("  \(line)") }
                    }
                } catch {
                    failed = true
                    // Each file says its own, so that one bad file hides no other.
                    if show.isJSON {
                        try await report(["file": .string(file), "error": try body(Wire.Problem(error))])
                    } else {
                        try await here.terminal.say(Messages.text(of: error))
                    }
                }
            }
            if failed { throw CommandExit.usage }
        }

        private func report(_ members: [String: JSON]) async throws(FlowError) {
            try await say(JSON.object(members).canonical)
        }

        private func say(_ line: String) async throws(FlowError) {
            do { try await Surroundings.here.terminal.show(line) } catch {
                throw FlowError(.storage, subject: "stdout", "Standard output cannot be written: \(error).")
            }
        }
    }

    struct New: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Writes a flow to start from, with what an editor needs to complete it.")
        @Argument(help: "Its name: letters, digits and dashes.") var name: String

        func run() async throws {
            let here = Surroundings.here
            let files = try here.loader.template(name: name)
            for file in files where here.files.exists(here.absolute(file.path)) && file.path.hasSuffix(".swift") {
                throw FlowError(
                    .conflict, subject: file.path, "Nothing was written: \(file.path) exists.", hint: "choose another name")
            }
            for file in files where !here.files.exists(here.absolute(file.path)) {
                try await here.files.create(here.absolute(file.path), contents: Array(file.contents.utf8))
                try await here.terminal.show(file.path)
            }
            if let flow = files.first {
                try await here.terminal.say(
                    "Try it with: flowctl run \(FlowSource.isFile(flow.path) ? flow.path : "./\(flow.path)")")
            }
        }
    }

    struct Remove: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Removes a registered flow; its runs stay.")
        @Argument(help: "Its name.") var name: String
        @OptionGroup var connection: ConnectionOptions

        func run() async throws {
            try await Session.with(connection) { session in
                let (triggers, starters) = try await starters(session.client)
                _ = try await session.client.request("DELETE", "/v1/flows/\(percentEncoded(name))")
                let terminal = Surroundings.here.terminal
                try await terminal.say("Removed flow '\(name)'. Its runs stay.")
                if !triggers.isEmpty {
                    try await terminal.say("The schedules of its file are removed with it: \(listed(triggers)).".neutralised())
                }
                guard !starters.isEmpty else { return }
                try await terminal.say(
                    "Nothing starts it any more: \(listed(starters)). "
                        + "They stand still until it is registered again (flowctl flow add FILE), or remove them.")
            }
        }

        private func listed(_ names: [String]) -> String {
            names.prefix(10).joined(separator: ", ") + (names.count > 10 ? " and \(names.count - 10) more" : "")
        }

        /// What starts it: the schedules of its file, which go with it, and what stays.
        private func starters(_ client: FlowClient) async throws -> (triggers: [String], others: [String]) {
            let schedules = try await client.list(Wire.Schedule.self, "/v1/schedules").filter { $0.spec.flow == name }
            let hooks = try await client.list(Wire.Hook.self, "/v1/hooks").filter { $0.spec.flow == name }
            let others = schedules.filter { $0.spec.isTrigger != true }
            return (
                schedules.filter { $0.spec.isTrigger == true }.map(\.name),
                others.map { "schedule \($0.name)" } + hooks.map { "hook \($0.name)" }
            )
        }
    }
}
