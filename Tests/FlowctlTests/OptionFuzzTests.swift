import FlowCommand
import FlowModel
import FlowTestKit
import FlowWire
import Foundation
import Testing

/// Every command with values at their extremes in its options, against a server that answers anything: it ends with a status of the contract,
/// says why, and writes nothing to the terminal that steers it.
@Suite("Commands with any options", .timeLimit(.minutes(10)))
struct OptionFuzzTests {
    /// What one command takes, as the parser describes itself.
    private struct Command {
        struct Option {
            var name: String?
            var isFlag: Bool
            var isRepeated: Bool
        }

        var words: [String]
        var options: [Option]
    }

    /// Values that are good somewhere.
    private static let good = [
        "web", "release-web", Sample.id.text, "build", "deploy[web-1]/switch", "version=1.4.2", "hosts=group:web", "1", "30", "90s", "2h", "3/min",
        "2026-11-30T08:00:00Z", "2026-11-30", "Europe/Berlin", "0 3 * * 1", "@daily", "failed", "succeeded", "text", "json", "yaml", "/work/in", "-",
        "alice", "operator", "group:web & !role:db", "*", "https://flow.test", "any", "skip", "queue", "latest", "all", "10.0.0.1:22", "0600",
    ]

    private func commands() async throws -> [Command] {
        let world = World()
        #expect(await world.run("--experimental-dump-help") == .succeeded)
        let root = try #require(try JSON.parse(Array(world.out.utf8))["command"])
        func all(_ command: JSON, _ words: [String]) -> [Command] {
            let options = (command["arguments"]?.arrayValue ?? []).map { argument in
                let name = argument["preferredName"].map { ($0["kind"] == "short" ? "-" : "--") + ($0["name"]?.stringValue ?? "") }
                let isFlag = argument["kind"] == "flag"
                return Command.Option(
                    name: argument["kind"] == "positional" ? nil : name, isFlag: isFlag, isRepeated: argument["isRepeating"] == true)
            }
            let within = (command["subcommands"]?.arrayValue ?? []).flatMap { all($0, words + [$0["commandName"]?.stringValue ?? ""]) }
            return (within.isEmpty ? [Command(words: words, options: options)] : []) + within
        }
        return all(root, []).filter { $0.words.first != "help" }
    }

    private func arguments(of command: Command, _ fuzz: inout TextFuzz) -> [String] {
        var arguments: [String] = []
        for option in command.options {
            guard option.name == nil || fuzz.random.chance(0.25), option.name != "--help", option.name != "-h" else { continue }
            for _ in 0..<(option.isRepeated ? fuzz.random.int(0...3) : 1) {
                if let name = option.name { arguments.append(name) }
                if !option.isFlag { arguments.append(fuzz.text(from: OptionFuzzTests.good)) }
            }
        }
        return command.words + arguments
    }

    /// An answer that has little to do with what was asked.
    private func reply(_ random: inout SeededRandom) -> World.Reply {
        let evil = "\u{1B}[31mred\u{7}\u{9B}2J\r\n\u{202E}"
        let text: JSON = .string(evil)
        switch random.int(0...9) {
        case 0: return .failure(TransportFailure(random.pick([.nobody, .lost, .denied, .timedOut, .other]), evil))
        case 1: return .bytes(Array("<html>\(evil)".utf8), status: random.pick([200, 301, 404, 500, 503]))
        case 2: return .bytes([], status: random.pick([200, 204, 409]))
        case 3: return .json(["items": [text, .null, 1, ["name": text, "id": text]], "next": text])
        case 4: return .json(["items": []])
        case 5: return .pieces([Array("id: 1\nevent: record\ndata: {\"sequence\":1,\"at\":\"x\"}\n\n".utf8), Array(evil.utf8)])
        case 6: return .pieces([Array("event: end\ndata: {\"state\":\"succeeded\"}\n\n".utf8)], then: TransportFailure(.lost, evil))
        case 7: return .json(Sample.json(Sample.run(random.pick([.queued, .running, .waiting, .succeeded, .failed]))))
        case 8:
            let problem =
                (try? JSON(
                    encoding: Wire.Problem(FlowError(random.pick([.conflict, .notFound, .usage, .internal]), subject: evil, evil, hint: evil))))
            return .json(problem ?? .null, status: random.pick([400, 404, 409, 500]))
        default:
            return .json(
                Sample.json(
                    Wire.Flow(
                        name: evil, revision: Sample.digest, parameters: [Parameter(name: evil, help: evil, kind: .string)], steps: 1,
                        addedAt: Sample.at(0),
                        addedBy: evil)))
        }
    }

    /// Whether a terminal would do something other than show it.
    private func steers(_ text: String) -> Bool {
        text.unicodeScalars.contains { ($0.value < 0x20 && $0 != "\n" && $0 != "\t") || (0x7F...0x9F).contains($0.value) || $0 == "\u{202E}" }
    }

    @Test func `each ends with a status of the contract and says why, and steers no terminal`() async throws {
        let all = try await commands()
        #expect(all.count > 60)
        let rounds = max(1, TextFuzz.cases / 100)
        for (number, command) in all.enumerated() {
            for round in 0..<rounds {
                var fuzz = TextFuzz(seed: UInt64(number * 1_000_003 + round))
                let arguments = arguments(of: command, &fuzz)
                let seed = fuzz.random.next()
                let world = World(
                    environment: fuzz.random.chance(0.5) ? ["FLOW_SERVER": "http://flow.test"] : [:],
                    files: ["/work/in": fuzz.text(from: OptionFuzzTests.good), "-": "0 3 * * * true\n", "/work/.flow": ""],
                    canAsk: fuzz.random.chance(0.5),
                    answers: ["y", "no"]
                ) { call, world in
                    var random = SeededRandom(seed: seed &+ UInt64(world.calls.count))
                    return reply(&random)
                }
                let exit = await runFlowctl(arguments, in: world.surroundings)
                let said = world.out + world.err
                #expect(exit == .succeeded || exit == .runFailed || !said.isEmpty, "\(arguments) ended with \(exit) and says nothing")
                #expect(!steers(world.err), "\(arguments): \(world.err.debugDescription)")
                // What is for programs is as it is.
                let isData = ["{", "["].contains(world.out.prefix(1)) || command.words.first == "logs" || command.words == ["schedule", "export"]
                #expect(isData || !steers(world.out), "\(arguments): \(world.out.debugDescription)")
            }
        }
    }
}
