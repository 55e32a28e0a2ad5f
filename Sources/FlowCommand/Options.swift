import ArgumentParser
import FlowModel

/// Where the engine is.
struct ConnectionOptions: ParsableArguments {
    @Option(name: .long, help: "URL of a Flow server; FLOW_SERVER else. FLOW_TOKEN holds the token.")
    var server: String?

    @Option(
        name: .long,
        help: ArgumentHelp(
            "Authority that signed the server's certificate, in PEM; SSL_CERT_FILE else, or those of this machine.", valueName: "file"),
        completion: .file())
    var ca: String?

    @Option(
        name: .long, help: "Directory of the engine when there is no server; FLOW_HOME else, or .flow here.",
        completion: .directory)
    var home: String?

    @Option(
        name: .long,
        help: ArgumentHelp("Hosts and groups for the engine of that directory; its inventory.yaml else.", valueName: "file"),
        completion: .file())
    var inventory: String?

    /// Whether no server is named.
    var leadsToHome: Bool { home != nil || server == nil && Surroundings.here.environment["FLOW_SERVER"]?.nonEmpty == nil }

    /// The absolute path of the authority's file that was named, with the option or in the environment.
    var caPath: String? { (ca ?? Surroundings.here.environment["SSL_CERT_FILE"]?.nonEmpty).map(Surroundings.here.absolute) }

    /// The absolute path of the inventory file that was named.
    var inventoryPath: String? { inventory.map(Surroundings.here.absolute) }

    /// The absolute path of the home.
    var homePath: String {
        let here = Surroundings.here
        return here.absolute(home ?? here.environment["FLOW_HOME"]?.nonEmpty ?? ".flow").withoutTrailingSlash
    }
}

/// `-o`: for people or for programs.
struct ShowOptions: ParsableArguments {
    enum Form: String, CaseIterable, ExpressibleByArgument { case text, json }

    @Option(name: .customShort("o"), help: ArgumentHelp("How to show it.", valueName: "text|json"))
    var form: Form = .text

    var isJSON: Bool { form == .json }
}

/// `-m`: why, for the journal.
struct MessageOptions: ParsableArguments {
    @Option(name: [.customShort("m"), .long], help: "Why; kept in the run's journal.")
    var message: String?
}

/// What `run` and `plan` take as inputs.
struct InputOptions: ParsableArguments {
    @Option(
        name: .customShort("p"), parsing: .unconditionalSingleValue,
        help: ArgumentHelp("An input; repeat it for each.", valueName: "name=value"))
    var parameters: [String] = []

    @Option(
        name: .long, help: "A file with a JSON object of inputs; - reads standard input.",
        completion: .file(extensions: ["json"]))
    var inputs: String?

    @Option(name: .long, help: ArgumentHelp("Only these hosts take part: a selector.", valueName: "selector"))
    var limit: String?

    /// All inputs, typed by the flow's parameters. What `-p` gives comes before what the file gives.
    /// - Parameter outcome: what did not happen when they are not acceptable, for commands that start nothing.
    func values(for parameters: [Parameter], failing outcome: String? = nil) async throws -> [String: JSON] {
        var values: [String: JSON] = [:]
        if let inputs { values = try await read(inputs) }
        return try typed(try pairs(of: self.parameters, option: "-p"), values, parameters, outcome)
    }

    private func typed(
        _ pairs: [(name: String, text: String)], _ values: [String: JSON], _ parameters: [Parameter], _ outcome: String?
    ) throws(FlowError) -> [String: JSON] {
        do throws(FlowError) {
            return try Surroundings.here.loader.inputs(pairs, and: values, for: parameters)
        } catch {
            throw outcome.map { error.saying($0) } ?? error
        }
    }

    /// Those that are given, typed; others may be missing, since they come later.
    func given(for parameters: [Parameter], failing outcome: String) async throws -> [String: JSON] {
        var values: [String: JSON] = [:]
        if let inputs { values = try await read(inputs) }
        let pairs = try pairs(of: self.parameters, option: "-p")
        let names = Set(pairs.map(\.name) + values.keys)
        // A name that is no parameter is refused with all that there are.
        let isKnown = names.allSatisfy { name in parameters.contains { $0.name == name } }
        return try typed(pairs, values, isKnown ? parameters.filter { names.contains($0.name) } : parameters, outcome)
    }

    private func read(_ path: String) async throws(FlowError) -> [String: JSON] {
        let here = Surroundings.here
        let bytes = try await here.files.read(path == "-" ? path : here.absolute(path), limit: CommandLimits.inputFileBytes)
        let json: JSON
        do throws(JSONError) {
            json = try JSON.parse(file: bytes)
        } catch {
            throw Messages.badInputsFile(path, "\(error)")
        }
        guard let members = json.objectValue else { throw Messages.badInputsFile(path, "it is \(json.typeName)") }
        return members
    }
}

/// The text of a file that somebody wrote.
func writtenText(_ bytes: [UInt8], _ path: String) throws(FlowError) -> String {
    do throws(WrittenText.Fault) {
        return try WrittenText.text(of: bytes)
    } catch {
        throw FlowError(.usage, subject: path, "\(path) was not read: \(error.message).")
    }
}

/// The id of a run, or its beginning, as given: a variable of a script that was never set is not one.
@Sendable func nameOfRun(_ text: String) throws -> String {
    guard !text.allSatisfy(\.isWhitespace) else { throw ValidationError("no run is named. Its id is in: flowctl list") }
    return text
}

/// `name=value` arguments, each name once.
func pairs(of texts: [String], option: String) throws(FlowError) -> [(name: String, text: String)] {
    var pairs: [(name: String, text: String)] = []
    for text in texts {
        // Not by characters: the sign and an accent that the value begins with are one.
        guard let equals = text.utf8.firstIndex(of: UInt8(ascii: "=")), equals != text.startIndex else {
            throw Messages.badPair(text, option: option)
        }
        let name = String(text[..<equals])
        guard !pairs.contains(where: { $0.name == name }) else { throw Messages.givenTwice(name, option: option) }
        pairs.append((name, String(text[text.utf8.index(after: equals)...])))
    }
    return pairs
}

extension String {
    var withoutTrailingSlash: String {
        var text = self
        while text.count > 1, text.hasSuffix("/") { text.removeLast() }
        return text
    }
}
