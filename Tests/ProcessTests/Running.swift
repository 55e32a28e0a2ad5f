import Foundation
import Synchronization
import Testing

/// A process that a test started, with what it says kept in memory when it has ended.
final class Running: Sendable {
    let pid: pid_t
    private let process: Mutex<Process>
    private let out: String
    private let err: String
    private let ends: AsyncStream<Void>

    init(_ program: String, _ arguments: [String], _ environment: [String: String], in directory: String) throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: program)
        process.arguments = arguments
        process.environment = environment
        process.currentDirectoryURL = URL(fileURLWithPath: directory)
        process.standardInput = FileHandle.nullDevice
        let id = UInt32.random(in: 0 ... .max)
        (out, err) = ("\(directory)/out-\(id)", "\(directory)/err-\(id)")
        for file in [out, err] { _ = FileManager.default.createFile(atPath: file, contents: nil) }
        process.standardOutput = FileHandle(forWritingAtPath: out)
        process.standardError = FileHandle(forWritingAtPath: err)
        let (ends, feed) = AsyncStream.makeStream(of: Void.self)
        process.terminationHandler = { _ in feed.finish() }
        self.ends = ends
        try process.run()
        pid = process.processIdentifier
        self.process = Mutex(process)
    }

    var isAlive: Bool { process.withLock { $0.isRunning } }

    func ended() async {
        for await _ in ends {}
    }

    /// What it has said, and how it ended: -1 while it runs.
    func said() -> Said {
        func read(_ path: String) -> String { String(decoding: FileManager.default.contents(atPath: path) ?? Data(), as: UTF8.self) }
        let status = process.withLock { $0.isRunning ? -1 : $0.terminationStatus }
        return Said(status: status, stdout: read(out), stderr: read(err))
    }

    /// `kill -9`, and waits for the end.
    func kill() async {
        Glibc.kill(pid, SIGKILL)
        await ended()
    }

    func terminate() async {
        Glibc.kill(pid, SIGTERM)
        await ended()
    }
}

/// What a command said.
struct Said: Sendable {
    var status: Int32
    var stdout: String
    var stderr: String

    func json() throws -> [String: Any] {
        let value = try? JSONSerialization.jsonObject(with: Data(stdout.utf8))
        return try #require(value as? [String: Any], "status \(status), no object: \(stdout) \(stderr)")
    }

    /// The items of a page.
    func items() throws -> [[String: Any]] { try json()["items"] as? [[String: Any]] ?? [] }
}
