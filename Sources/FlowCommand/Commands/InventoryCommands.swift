import ArgumentParser
import FlowModel
import FlowWire

/// `inventory …`: the hosts that Flow knows, and the keys that it accepts from them.
struct InventoryCommands: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "inventory", abstract: "Lists hosts, and adds them with the keys that they must show.",
        subcommands: [List.self, Add.self, Import.self, ImportKnownHosts.self])

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Lists hosts and groups.")
        @OptionGroup var show: ShowOptions
        @OptionGroup var connection: ConnectionOptions

        func run() async throws {
            try await Session.with(connection, need: .look) { session in
                let json = try await session.client.inventory()
                let here = Surroundings.here
                if show.isJSON { return try await here.terminal.show(exact: json.pretty) }
                let inventory = try session.client.decode(Wire.Inventory.self, json)
                guard !inventory.hosts.isEmpty else {
                    return try await here.terminal.say("No hosts. Add one with: flowctl inventory add NAME ADDRESS")
                }
                try await HostTable.show(inventory.hosts, here.terminal)
                for (group, hosts) in inventory.groups.sorted(by: { $0.key < $1.key }) {
                    try await here.terminal.show("group:\(group)  \(hosts.joined(separator: ", "))".neutralised())
                }
            }
        }
    }

    struct Add: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Adds a host, or takes the new key of one, after you have confirmed the key that it shows.",
            discussion: "In scripts, name the fingerprint: --yes SHA256:…; only a key with it is taken.")
        @Argument(help: "Its name in the inventory.") var name: String
        @Argument(help: "Host name or IP address.") var address: String
        @Option(name: .long, help: "Port of its SSH server.") var port: Int = 22
        @Option(name: .long, help: "The account to log in as.") var user: String?
        @Option(
            name: .long,
            help: ArgumentHelp("A private key file on the engine's machine; else the agent's keys.", valueName: "file"))
        var identityFile: String?
        @Option(name: .long, help: ArgumentHelp("A label; repeat it for each.", valueName: "name=value")) var label: [String] =
            []
        @Option(
            name: .long,
            help: ArgumentHelp(
                "Take the key with this fingerprint without asking; repeat it for several.", valueName: "fingerprint"))
        var yes: [String] = []
        @OptionGroup var show: ShowOptions
        @OptionGroup var connection: ConnectionOptions

        func validate() throws {
            guard (1...65_535).contains(port) else { throw ValidationError("--port is \(port), it must be from 1 to 65535.") }
        }

        func run() async throws {
            let labels = Dictionary(
                try pairs(of: label, option: "--label").map { ($0.name, $0.text) }, uniquingKeysWith: { $1 })
            try await Session.with(connection) { session in
                let scan = try body(Wire.Scan(address: address, port: port))
                let found = try await session.client.fetch(
                    Wire.Page<Wire.HostKey>.self, "POST", "/v1/inventory/scan", body: scan
                ).items
                guard !found.isEmpty else { throw Messages.noKeys(Host.place(address, port)) }
                let keys = try await confirmed(found)
                let host = Wire.Host(
                    name: name, address: address, port: port, user: user, identityFile: identityPath, hostKeys: keys.map(\.key),
                    labels: labels.isEmpty ? nil : labels)
                let json = try await session.client.request("POST", "/v1/inventory/hosts", body: try body(host))
                let terminal = Surroundings.here.terminal
                if show.isJSON { return try await terminal.show(exact: json.pretty) }
                try await terminal.say("Added host '\(name)'. Try it with: flowctl ping \(shellQuoted(name))")
            }
        }

        /// For an engine on this machine as other paths are; a server says itself which it takes.
        private var identityPath: String? {
            guard let identityFile, connection.leadsToHome, !identityFile.hasPrefix("~/") else { return identityFile }
            return Surroundings.here.absolute(identityFile)
        }

        /// The keys that somebody vouches for: those named with `--yes`, or all that are shown after a spoken yes.
        private func confirmed(_ found: [Wire.HostKey]) async throws -> [Wire.HostKey] {
            let terminal = Surroundings.here.terminal
            guard yes.isEmpty else {
                let named = found.filter { yes.contains($0.fingerprint) }
                guard !named.isEmpty else { throw Messages.fingerprintNotFound(yes, name: name, found: found) }
                return named
            }
            guard terminal.canAsk else { throw Messages.noFingerprintConfirmed(name, found: found) }
            let keys = found.map { "  \($0.type)  \($0.fingerprint)".neutralised() }
            try await terminal.say(
                (["\(Host.place(address, port)) shows \(found.count == 1 ? "this key" : "these keys"):"] + keys
                    + ["Compare with the host's own console. Is it right? Type yes:"]).joined(separator: "\n"))
            guard await terminal.readLine()?.trimmingSpaces.lowercased() == "yes" else {
                throw Messages.noFingerprintConfirmed(name, found: found)
            }
            return found
        }
    }

    struct Import: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Adds many hosts: those of a file in JSON, as 'flowctl hosts SELECTOR -o json' shows them.",
            discussion: """
                The file is a list of hosts, or an object with the list under 'items' or 'hosts'. Keys in it are taken as they are: look at them first. \
                They are sent in pieces of \(CommandLimits.hostsAtOnce); of each piece all are added or none.
                """)
        @Argument(help: "The file; - reads standard input.", completion: .file(extensions: ["json"])) var file: String
        @OptionGroup var connection: ConnectionOptions

        func run() async throws {
            let here = Surroundings.here
            let bytes = try await here.files.read(file == "-" ? file : here.absolute(file), limit: CommandLimits.answerBytes)
            let hosts = try read(bytes)
            try await Session.with(connection) { session in
                var added = 0
                for start in stride(from: 0, to: hosts.count, by: CommandLimits.hostsAtOnce) {
                    let piece = Array(hosts[start..<min(start + CommandLimits.hostsAtOnce, hosts.count)])
                    do throws(FlowError) {
                        _ = try await session.client.request("PUT", "/v1/inventory/hosts", body: try body(Wire.Hosts(hosts: piece)))
                    } catch {
                        if added > 0 { try? await here.terminal.say("Added the first \(added) of \(hosts.count) hosts.") }
                        throw error
                    }
                    added += piece.count
                }
                try await here.terminal.say("Added \(added) hosts.")
            }
        }

        private func read(_ bytes: [UInt8]) throws -> [Wire.Host] {
            let text = try writtenText(bytes, file)
            let json: JSON
            do throws(JSONError) {
                json = try JSON.parse(text)
            } catch {
                throw FlowError(.usage, subject: file, "No host was added: \(file) is not JSON: \(error).")
            }
            let list = json.arrayValue ?? json["items"]?.arrayValue ?? json["hosts"]?.arrayValue
            guard let list else {
                throw FlowError(.usage, subject: file, "No host was added: \(file) is \(json.typeName), and must be a list of hosts.")
            }
            return try list.enumerated().map { index, value throws(FlowError) in
                do {
                    return try value.decode(as: Wire.Host.self)
                } catch {
                    throw FlowError(
                        .usage, subject: file, "No host was added: number \(index + 1) of \(file) is not a host: \(error).",
                        hint: "A host is such as {\"name\": \"web-1\", \"address\": \"10.0.0.1\"}")
                }
            }
        }
    }

    struct ImportKnownHosts: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "import-known-hosts",
            abstract: "Takes the keys of hosts of the inventory from a known_hosts file, after you have confirmed them.")
        @Argument(help: "The file; - reads standard input.", completion: .file()) var file: String
        @Flag(name: .long, help: "Take them without asking.") var yes = false
        @OptionGroup var show: ShowOptions
        @OptionGroup var connection: ConnectionOptions

        func run() async throws {
            let here = Surroundings.here
            let bytes = try await here.files.read(file == "-" ? file : here.absolute(file), limit: CommandLimits.inputFileBytes)
            let text = try writtenText(bytes, file)
            try await Session.with(connection) { session in
                func post(dryRun: Bool) async throws -> JSON {
                    let request = try body(Wire.KnownHosts(text: text, dryRun: dryRun))
                    return try await session.client.request("POST", "/v1/inventory/known-hosts", body: request)
                }
                if !yes {
                    let preview = try session.client.decode(Wire.KnownHostsResult.self, try await post(dryRun: true))
                    guard try await confirm(preview) else { throw CommandExit.refused }
                }
                let json = try await post(dryRun: false)
                if show.isJSON { return try await here.terminal.show(exact: json.pretty) }
                let result = try session.client.decode(Wire.KnownHostsResult.self, json)
                try await here.terminal.say("Took \(result.imported.count) keys, left \(result.skipped.count) lines.")
            }
        }

        private func confirm(_ result: Wire.KnownHostsResult) async throws -> Bool {
            let terminal = Surroundings.here.terminal
            let keys = result.imported.map { "  \($0.host ?? "?")  \($0.type)  \($0.fingerprint)" }
            let left = result.skipped.map { "  left \($0.subject): \($0.message)" }
            try await terminal.say(
                (["The file names these keys:"] + keys + left).map { $0.neutralised() }.joined(separator: "\n"))
            guard !result.imported.isEmpty else {
                try await terminal.say("Nothing was taken: none of them is for a host of the inventory.")
                return false
            }
            guard terminal.canAsk else {
                try await terminal.say(
                    "Nothing was taken: nobody confirmed them. In a script, look at them first and then add --yes.")
                return false
            }
            try await terminal.say("Take them? Type yes:")
            return await terminal.readLine()?.trimmingSpaces.lowercased() == "yes"
        }
    }
}

/// `hosts SELECTOR`: who that is.
struct HostsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "hosts", abstract: "Lists the hosts that a selector names.")
    @Argument(help: "A selector, such as 'group:web & !role=canary'.") var selector: String
    @OptionGroup var show: ShowOptions
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        try await Session.with(connection, need: .look) { session in
            let items = try await session.client.items("/v1/inventory/hosts", query: [("selector", selector)])
            let here = Surroundings.here
            if show.isJSON { return try await here.terminal.show(exact: JSON.object(["items": .array(items)]).pretty) }
            let hosts = try items.map { try session.client.decode(Wire.Host.self, $0) }
            guard !hosts.isEmpty else { return try await here.terminal.say("No host matches.") }
            try await HostTable.show(hosts, here.terminal)
        }
    }
}

/// `ping SELECTOR`: logs in to every host and starts the runner.
struct PingCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ping", abstract: "Logs in to hosts and starts what runs steps there, to see whether one could run.")
    @Argument(help: "A selector, such as 'group:web'.") var selector: String
    @OptionGroup var show: ShowOptions
    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        try await Session.with(connection) { session in
            let json = try await session.client.request(
                "POST", "/v1/inventory/ping", body: try body(Wire.Ping(selector: selector)),
                deadlineSeconds: CommandLimits.transferSeconds)
            let here = Surroundings.here
            let results = try session.client.decode(Wire.Page<Wire.PingResult>.self, json).items
            if show.isJSON {
                try await here.terminal.show(exact: json.pretty)
            } else {
                var table = Table("host", "state", "took", "why")
                for result in results {
                    table.add(
                        .init(result.host), .init(result.ok ? "ok" : "failed", result.ok ? .green : .red),
                        .init(durationText(result.tookSeconds)), .init(result.message ?? ""))
                }
                try await here.terminal.show(table.lines(style: here.terminal.style))
            }
            if results.contains(where: { !$0.ok }) { throw CommandExit.unavailable }
        }
    }
}

enum HostTable {
    static func show(_ hosts: [Wire.Host], _ terminal: Terminal) async throws {
        var table = Table("host", "address", "user", "keys", "labels")
        for host in hosts {
            let labels = (host.labels ?? [:]).sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
            let keys = host.hostKeys ?? []
            table.add(
                .init(host.name), .init(FlowModel.Host.place(host.address, host.port ?? 22)), .init(host.user ?? ""),
                .init(keys.isEmpty ? "none" : "\(keys.count)", keys.isEmpty ? .red : .plain),
                .init(labels.joined(separator: " ")))
        }
        try await terminal.show(table.lines(style: terminal.style, width: terminal.tableWidth))
    }
}

extension String {
    var trimmingSpaces: String {
        var text = self[...]
        while text.first?.isWhitespace == true { text.removeFirst() }
        while text.last?.isWhitespace == true { text.removeLast() }
        return String(text)
    }
}
