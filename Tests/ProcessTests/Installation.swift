import FlowTestKit
import Foundation
import Synchronization
import Testing

/// The built executables, and a directory for one test: its own `$FLOW_HOME`, nothing of the user's environment.
final class Installation: Sendable {
    static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().path
    static let fixtures = root + "/Tests/ProcessTests/Fixtures"

    let directory: String
    /// Ended with this, whatever became of the test.
    private let daemons = Mutex<[Program]>([])
    var home: String { directory + "/home" }

    init() throws {
        // Short, since the path of a socket has at most 107 bytes.
        directory = "/tmp/flow-\(UInt32.random(in: 0 ... .max))"
        try FileManager.default.createDirectory(
            atPath: home, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    }

    deinit {
        for daemon in daemons.withLock({ $0 }) { daemon.signal(SIGKILL) }
        do {
            try FileManager.default.removeItem(atPath: directory)
        } catch {
            print("\(directory) was left: \(error)")
        }
    }

    func path(_ name: String) -> String { directory + "/" + name }

    func read(_ name: String) -> String { (try? String(contentsOfFile: path(name), encoding: .utf8)) ?? "" }

    /// Runs `flowctl` to its end: on this installation's home, or as somebody else at a server.
    @discardableResult
    func flowctl(_ arguments: String..., as user: Login? = nil) async throws -> Said {
        try await run("flowctl", arguments, as: user)
    }

    /// The same with arguments in a list.
    func run(_ arguments: [String]) async throws -> Said { try await run("flowctl", arguments) }

    private func run(_ name: String, _ arguments: [String], as user: Login? = nil) async throws -> Said {
        let command = try spawn(name, arguments, as: user)
        await command.ended()
        return command.said()
    }

    /// Starts a run of a fixture and gives its id.
    func start(_ fixture: String, _ arguments: String...) async throws -> String {
        let said = try await run("flowctl", ["run", Installation.fixtures + "/" + fixture, "--detach", "-o", "json"] + arguments)
        return try #require(try said.json()["id"] as? String)
    }

    func state(of run: String) async throws -> String? { try await flowctl("show", run, "-o", "json").json()["state"] as? String }

    func spawn(_ name: String, _ arguments: [String], as user: Login? = nil) throws -> Program {
        var environment = ["PATH": ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin", "HOME": directory]
        environment["FLOW_CACHE"] = NSTemporaryDirectory() + "flow-test-cache"
        environment["FLOW_HOME"] = user == nil ? home : path("nobody")
        environment["FLOW_TOKEN"] = user?.token
        environment["FLOW_SERVER"] = user?.server
        return try Program("\(Installation.root)/.build/release/\(name)", arguments, environment: environment, in: directory)
    }

    /// Starts `flowd` and returns when it answers.
    func flowd() async throws -> Program {
        let running = try spawn("flowd", [])
        daemons.withLock { $0.append(running) }
        for _ in 0..<3_000 {
            guard running.isAlive else { break }
            // While nobody listens there, flowctl would open the database itself.
            if running.said().stderr.contains("info serving socket=") { return running }
            try await Task.sleep(for: .milliseconds(10))
        }
        Issue.record("flowd does not answer: \(running.said().stderr)")
        return running
    }

    /// Makes a user with a token for the server at `port` of this machine.
    func login(_ user: String, _ roles: String..., port: UInt16) async throws -> Login {
        let added = try await run("flowctl", ["user", "add", user] + roles.flatMap { ["--role", $0] })
        #expect(added.status == 0, "\(added.stderr)")
        let token = try await flowctl("token", "create", "test", "--user", user, "-o", "json").json()["token"] as? String
        return Login(server: "http://127.0.0.1:\(port)", token: try #require(token))
    }

    /// Waits until `fact` holds; fails the test after `seconds`.
    func wait(_ what: String, seconds: Double = 60, until fact: () async throws -> Bool) async throws {
        let deadline = ContinuousClock.now + .seconds(seconds)
        while !(try await fact()) {
            if ContinuousClock.now > deadline {
                Issue.record("waited \(seconds) s for: \(what)")
                return
            }
            try await Task.sleep(for: .milliseconds(20))
        }
    }
}

/// Who speaks to which server.
struct Login: Sendable {
    var server: String
    var token: String
}
