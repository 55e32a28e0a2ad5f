import FlowModel
import FlowTestKit
import Foundation

/// A directory of its own, and the built `flowctl` in it.
final class Place: Sendable {
    struct Result: Sendable {
        var status: Int32
        var out: String
        var err: String

        var json: JSON { get throws { try JSON.parse(out, maxDepth: Limits.planDepth) } }
    }

    let folder: URL

    init() throws {
        folder = FileManager.default.temporaryDirectory.appending(path: "flow-\(UUID().uuidString.prefix(8))")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    }

    /// Waits until no engine is left here, and removes the directory.
    func leave() async throws {
        try await fact("the engine left behind has ended") { !FileManager.default.fileExists(atPath: socket) }
        try FileManager.default.removeItem(at: folder)
    }

    var socket: String { folder.appending(path: ".flow/flow.sock").path }

    /// Beside the test bundle, where the build put it.
    static func binary(_ name: String) -> URL {
        URL(filePath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent().appending(path: name)
    }

    /// Starts `flowctl`; the process is the caller's to end.
    func start(_ arguments: [String], environment: [String: String] = [:]) throws -> Program {
        try start(program: Place.binary("flowctl").path, arguments, environment: environment)
    }

    /// Starts another program in this directory.
    func start(program: String, _ arguments: [String], environment: [String: String] = [:]) throws -> Program {
        let inherited = ProcessInfo.processInfo.environment.filter { !$0.key.hasPrefix("FLOW_") }
        return try Program(program, arguments, environment: inherited.merging(environment) { $1 }, in: folder.path)
    }

    @discardableResult
    func run(_ arguments: String..., environment: [String: String] = [:]) async throws -> Result {
        try await start(arguments, environment: environment).result()
    }

    /// Writes a plan in JSON, so that no compiler is needed.
    func write(_ name: String, _ nodes: Node..., parameters: [Parameter] = []) throws {
        let plan = Plan(flow: name, parameters: parameters, nodes: nodes, dsl: "1")
        try Data(JSON(encoding: plan).canonicalBytes).write(to: folder.appending(path: "\(name).json"))
    }

    /// Makes `.flow` as an engine would.
    func makeHome() throws {
        try FileManager.default.createDirectory(
            at: folder.appending(path: ".flow"), withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    }

    func writeHome(_ name: String, _ text: String) throws {
        try Data(text.utf8).write(to: folder.appending(path: ".flow/\(name)"))
    }

    var hasHome: Bool { FileManager.default.fileExists(atPath: folder.appending(path: ".flow").path) }

    static func shell(_ name: String, _ script: String, needs: [String] = []) -> Node {
        Node(id: name, name: name, kind: .shell(ShellSpec(source: .text(script))), needs: needs)
    }
}

extension Program {
    /// How it ended, and what it said.
    func result() async -> Place.Result {
        await ended()
        return Place.Result(status: status ?? -1, out: output, err: errors)
    }
}

struct NotSo: Error, CustomStringConvertible {
    var description: String
}

/// Waits until something is so; two minutes at most, for machines with much else to do.
func fact(_ what: String, _ isSo: () async throws -> Bool) async throws {
    let deadline = ContinuousClock.now + .seconds(120)
    while ContinuousClock.now < deadline {
        if try await isSo() { return }
        try await Task.sleep(for: .milliseconds(20))
    }
    throw NotSo(description: "it did not come to be that \(what)")
}
