import Dispatch
import FlowModel
import Foundation
import Synchronization

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
    func start(_ arguments: [String], environment: [String: String] = [:]) throws -> Running {
        try Running(Place.binary("flowctl"), arguments, in: folder, environment)
    }

    /// Starts another program in this directory.
    func start(program: String, _ arguments: [String], environment: [String: String] = [:]) throws -> Running {
        try Running(URL(filePath: program), arguments, in: folder, environment)
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

/// A process whose output is collected.
final class Running: Sendable {
    /// What a stream gave until now, and whether that was all.
    private final class Collected: Sendable {
        private let state = Mutex((bytes: Data(), isOver: false))

        init(_ pipe: Pipe) {
            let handle = pipe.fileHandleForReading
            DispatchQueue.global().async { [self] in
                while case let piece = handle.availableData, !piece.isEmpty { state.withLock { $0.bytes += piece } }
                state.withLock { $0.isOver = true }
            }
        }

        var text: String { state.withLock { String(decoding: $0.bytes, as: UTF8.self) } }
        var isOver: Bool { state.withLock { $0.isOver } }
    }

    private let process = Process()
    private let output: Collected
    private let errors: Collected

    init(_ binary: URL, _ arguments: [String], in folder: URL, _ environment: [String: String]) throws {
        let pipes = (Pipe(), Pipe())
        process.executableURL = binary
        process.arguments = arguments
        process.currentDirectoryURL = folder
        var variables = ProcessInfo.processInfo.environment.filter { !$0.key.hasPrefix("FLOW_") }
        variables.merge(environment) { $1 }
        process.environment = variables
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = pipes.0
        process.standardError = pipes.1
        try process.run()
        output = Collected(pipes.0)
        errors = Collected(pipes.1)
    }

    /// A test that ends early leaves nothing running.
    deinit { if process.isRunning { Foundation.kill(process.processIdentifier, SIGKILL) } }

    /// What it wrote to standard output until now.
    var soFar: String { output.text }

    func interrupt() { process.interrupt() }
    func terminate() { process.terminate() }
    /// `kill -9` of this one process.
    func kill() { Foundation.kill(process.processIdentifier, SIGKILL) }

    func result() async -> Place.Result {
        while !output.isOver || !errors.isOver || process.isRunning {
            // Only ends early when the test is cancelled: then nobody looks at the result.
            guard (try? await Task.sleep(for: .milliseconds(5))) != nil else { break }
        }
        return Place.Result(
            status: process.isRunning ? -1 : process.terminationStatus, out: output.text, err: errors.text)
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
