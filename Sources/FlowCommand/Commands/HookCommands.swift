import ArgumentParser
import FlowModel
import FlowWire

/// `hook …`: what starts runs from outside.
struct HookCommands: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "hook", abstract: "Lets signed requests start runs of registered flows.",
        subcommands: [Add.self, List.self, Deliveries.self, Remove.self])

    static func path(_ name: String) -> String { "/v1/hooks/\(percentEncoded(name))" }

    struct Add: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Adds a hook, or changes it; shows the secret of a new one, this once.",
            discussion: """
                Requests go to /v1/hooks/NAME of the server and are signed as Standard Webhooks are. \
                Their body is the object of inputs, unless --take says where in it the inputs are. Inputs that are given here are fixed.
                """)
        @Argument(help: "Its name.") var name: String
        @Argument(help: "A registered flow.") var flow: String
        @Option(name: .long, help: ArgumentHelp("Where in the body an input is; repeat it for each.", valueName: "name=/pointer"))
        var take: [String] = []
        @Option(name: .long, help: ArgumentHelp("A label of its runs; repeat it for each.", valueName: "key=value")) var label: [String] = []
        @Option(name: .long, help: "Seconds that a request's timestamp may be off; 300 unless given.") var tolerance: Int?
        @Flag(name: .long, help: "Make another secret for a hook that is there.") var newSecret = false
        @OptionGroup var inputs: InputOptions
        @OptionGroup var show: ShowOptions
        @OptionGroup var connection: ConnectionOptions

        func run() async throws {
            var draft = HookSpec(flow: flow)
            let (takes, labels) = (try pairs(of: take, option: "--take"), try pairs(of: label, option: "--label"))
            draft.take = takes.isEmpty ? nil : Dictionary(takes.map { ($0.name, $0.text) }, uniquingKeysWith: { $1 })
            draft.labels = labels.isEmpty ? nil : Dictionary(labels.map { ($0.name, $0.text) }, uniquingKeysWith: { $1 })
            (draft.limit, draft.toleranceSeconds) = (inputs.limit, tolerance)
            let written = draft
            try await Session.with(connection) { session in
                var spec = written
                let flow = try await session.client.fetch(Wire.Flow.self, "GET", "/v1/flows/\(percentEncoded(flow))")
                let values = try await inputs.given(for: flow.parameters, failing: "Hook '\(name)' was not taken")
                spec.inputs = values.isEmpty ? nil : values
                let query: [(String, String?)] = [("newSecret", newSecret ? "true" : nil)]
                let json = try await session.client.request("PUT", HookCommands.path(name), query: query, body: try body(spec))
                let terminal = Surroundings.here.terminal
                try await session.sayIfNobodyServes("No request is taken")
                if show.isJSON { return try await terminal.show(exact: json.pretty) }
                let hook = try session.client.decode(Wire.Hook.self, json)
                try await terminal.say("Hook '\(hook.name)' starts flow '\(hook.spec.flow)': POST \(HookCommands.path(hook.name))")
                if let secret = hook.secret { try await terminal.show(secret) }
            }
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Lists hooks.")
        @OptionGroup var show: ShowOptions
        @OptionGroup var connection: ConnectionOptions

        func run() async throws {
            try await Session.with(connection, need: .look) { session in
                let items = try await session.client.items("/v1/hooks")
                let terminal = Surroundings.here.terminal
                if show.isJSON { return try await terminal.show(exact: JSON.object(["items": .array(items)]).pretty) }
                let hooks = try items.map { try session.client.decode(Wire.Hook.self, $0) }
                if hooks.isEmpty { return try await terminal.say("No hooks. Add one with: flowctl hook add NAME FLOW") }
                var table = Table("hook", "flow", "changed", "by", "stands still")
                for hook in hooks {
                    table.add(
                        .init(hook.name), .init(hook.spec.flow), .init(momentText(hook.changedAt)), .init(hook.changedBy), .init(hook.fault ?? ""))
                }
                try await terminal.show(table.lines(style: terminal.style, width: terminal.tableWidth))
            }
        }
    }

    struct Deliveries: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Shows what came in at a hook, newest first.")
        @Argument(help: "Its name.") var name: String
        @Option(name: .shortAndLong, help: "How many; 50 unless given.") var number = 50
        @OptionGroup var show: ShowOptions
        @OptionGroup var connection: ConnectionOptions

        func run() async throws {
            try await ScheduleText.list(HookCommands.path(name) + "/deliveries", [("limit", "\(number)")], show, connection)
        }
    }

    struct Remove: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Removes a hook; its deliveries and runs stay.")
        @Argument(help: "Its name.") var name: String
        @OptionGroup var connection: ConnectionOptions

        func run() async throws {
            try await Session.with(connection) { session in
                _ = try await session.client.request("DELETE", HookCommands.path(name))
                try await Surroundings.here.terminal.say("Removed hook '\(name)'.")
            }
        }
    }
}
