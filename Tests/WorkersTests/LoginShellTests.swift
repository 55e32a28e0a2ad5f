import FlowModel
import Foundation
import Glibc
import Logging
import Testing
import Workers

/// What an account's login shell makes of the command that starts the runner.
@Suite("Login shells", .timeLimit(.minutes(1)))
struct LoginShellTests {
    /// A host whose account has this login shell.
    private struct Login: Transport {
        /// With its options, as `sshd` starts it before the command.
        var shell: String
        var environment: [String: String] = [:]

        func open(_ command: String) async throws -> any TransportChannel {
            try await LocalTransport(environment: environment).open("exec \(shell) -c \(Prelude.quoted(command))")
        }
    }

    /// Those that this machine has; `scripts/setup` brings all of them.
    private static let shells = ["dash", "bash", "busybox sh", "bsd-csh", "tcsh", "fish"].filter { shell in
        ["/bin/", "/usr/bin/"].contains { access($0 + String(shell.prefix { $0 != " " }), X_OK) == 0 }
    }

    let folder: TestFolder

    init() throws { folder = try TestFolder() }

    private func client(_ shell: String, _ environment: [String: String] = [:]) -> HostRecordClient {
        var all = ["FLOW_SPOOL": folder.file("spool"), "HOME": folder.path]
        all.merge(environment) { _, given in given }
        return HostRecordClient(
            transport: Login(shell: shell, environment: all), spool: nil, logger: Logger(label: "quiet") { _ in SwiftLogNoOpLogHandler() })
    }

    private static let id = AttemptID(run: PoolUnderTest.run, step: StepPath("login"), generation: 1, number: 1)

    @Test(arguments: shells)
    func `a step runs whatever the login shell is`(_ shell: String) async throws {
        let client = client(shell)
        try await client.hello()
        let script = #"printf '%s\n' "it's a \ ! \\ $((1 + 1)) ~ ^x^y"; echo {a,b} >&2"# + "\n"
        let job = HostJob(
            interpreter: "/bin/sh", prelude: Array(". \"${0%/*}/script\"\n".utf8), script: Array(script.utf8), environment: [:])
        let sink = CollectingSink()
        let outcome = await client.start(
            Self.id, fence: Fence(epoch: 1, attempt: 1), target: "web-1", job: job, sink: sink, placed: { _ in true }, report: { _ in })
        guard case .ended(let end) = outcome else {
            Issue.record("\(outcome)")
            return
        }
        #expect(end.exitStatus == 0)
        #expect(sink.text == "it's a \\ ! \\ 2 ~ ^x^y\n")
    }

    /// The words of the command are the same for all, and hold nothing that a shell reads within single quotes.
    @Test func `the command holds no newline, no exclamation mark, no two backslashes and no long word`() {
        let command = HostRunner.command("start", spool: nil)
        #expect(!command.contains("\n") && !command.contains("!") && !command.contains(#"\\"#) && !command.contains(#"\'"#))
        #expect(command.split(separator: "'").allSatisfy { $0.utf8.count < 8_192 })
    }

    @Test(arguments: ["/usr/sbin/nologin": "not available", "/bin/false": "status 1", "/bin/echo no shell;": "no shell"])
    func `an account that may not log in is called that, with what its shell said`(_ shell: String, _ said: String) async throws {
        let failure = await #expect(throws: AttemptResult.Failure.self) { try await client(shell).hello() }
        let message = try #require(failure?.message)
        #expect(message.contains("login shell") && message.contains(said) && !message.contains("makes no sense"), "\(message)")
    }

    @Test(.enabled(if: Machine.isRoot && Machine.has("setpriv"), "another account needs root"))
    func `an account without a home cannot run a step, and a ping says so`() async throws {
        let failure = await #expect(throws: AttemptResult.Failure.self) {
            try await client("\(Machine.unprivileged)env -u FLOW_SPOOL HOME=/nonexistent sh").hello()
        }
        #expect(failure?.message.contains("cannot make the spool directory /nonexistent") == true, "\(failure?.message ?? "")")
    }

    @Test func `a spool that cannot be written in is found by a ping`() async throws {
        _ = try folder.write("spool", "a file, no directory")
        let failure = await #expect(throws: AttemptResult.Failure.self) { try await client("sh").hello() }
        #expect(failure?.message.contains(folder.file("spool")) == true, "\(failure?.message ?? "")")
    }
}
