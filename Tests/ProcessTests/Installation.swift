import Foundation
import Testing

/// The built executables, and a directory for one test: its own `$FLOW_HOME`, nothing of the user's environment.
final class Installation: Sendable {
    static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().path
    static let binaries = root + "/.build/release"
    static let fixtures = root + "/Tests/ProcessTests/Fixtures"

    let directory: String
    var home: String { directory + "/home" }

    init() throws {
        // Short, since the path of a socket has at most 107 bytes.
        directory = "/tmp/flow-\(UInt32.random(in: 0 ... .max))"
        try FileManager.default.createDirectory(
            atPath: directory, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    }

    deinit { try? FileManager.default.removeItem(atPath: directory) }

    func path(_ name: String) -> String { directory + "/" + name }

    func write(_ name: String, _ text: String) throws -> String {
        try text.write(toFile: path(name), atomically: true, encoding: .utf8)
        return path(name)
    }

    func read(_ name: String) -> String { (try? String(contentsOfFile: path(name), encoding: .utf8)) ?? "" }

    func environment(token: String? = nil, server: String? = nil) -> [String: String] {
        var environment = ["FLOW_HOME": home, "PATH": ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin", "HOME": directory]
        environment["FLOW_CACHE"] = NSTemporaryDirectory() + "flow-test-cache"
        environment["FLOW_TOKEN"] = token
        environment["FLOW_SERVER"] = server
        return environment
    }
}

/// What a command said.
struct Said {
    var status: Int32
    var stdout: String
    var stderr: String

    func json() throws -> [String: Any] {
        let value = try JSONSerialization.jsonObject(with: Data(stdout.utf8))
        return try #require(value as? [String: Any], "not an object: \(stdout) \(stderr)")
    }
}

extension Installation {
    /// Runs `flowctl` to its end.
    @discardableResult
    func flowctl(_ arguments: String..., token: String? = nil, server: String? = nil, in workdir: String? = nil) throws -> Said {
        let command = try spawn(
            "flowctl", arguments, environment: environment(token: token, server: server), in: workdir ?? directory)
        command.process.waitUntilExit()
        return command.said()
    }

    func spawn(_ name: String, _ arguments: [String], environment: [String: String], in workdir: String) throws -> Running {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: Installation.binaries + "/" + name)
        process.arguments = arguments
        process.environment = environment
        process.currentDirectoryURL = URL(fileURLWithPath: workdir)
        let id = UInt32.random(in: 0 ... .max)
        let out = path("out-\(id)")
        let err = path("err-\(id)")
        _ = FileManager.default.createFile(atPath: out, contents: nil)
        _ = FileManager.default.createFile(atPath: err, contents: nil)
        process.standardOutput = FileHandle(forWritingAtPath: out)
        process.standardError = FileHandle(forWritingAtPath: err)
        process.standardInput = FileHandle.nullDevice
        try process.run()
        return Running(process: process, out: out, err: err)
    }

    /// Starts `flowd` and returns when it answers.
    func flowd() async throws -> Running {
        let running = try spawn("flowd", [], environment: environment(), in: directory)
        for _ in 0..<1_000 {
            if FileManager.default.fileExists(atPath: home + "/flow.sock"), try flowctl("list").status == 0 { return running }
            guard running.process.isRunning else { break }
            try await Task.sleep(for: .milliseconds(10))
        }
        Issue.record("flowd does not answer: \(running.said().stderr)")
        return running
    }

    /// Waits until `fact` holds; fails the test after `seconds`.
    func wait(_ what: String, seconds: Double = 60, until fact: () throws -> Bool) async throws {
        let deadline = Date().addingTimeInterval(seconds)
        while !(try fact()) {
            if Date() > deadline {
                Issue.record("waited \(seconds) s for: \(what)")
                return
            }
            try await Task.sleep(for: .milliseconds(20))
        }
    }
}

/// A process that a test started.
struct Running {
    let process: Process
    let out: String
    let err: String

    func said() -> Said {
        func read(_ path: String) -> String { String(decoding: FileManager.default.contents(atPath: path) ?? Data(), as: UTF8.self) }
        return Said(status: process.isRunning ? -1 : process.terminationStatus, stdout: read(out), stderr: read(err))
    }

    /// `kill -9`, and waits for the end.
    func kill() {
        Glibc.kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
    }

    func terminate() {
        process.terminate()
        process.waitUntilExit()
    }
}
