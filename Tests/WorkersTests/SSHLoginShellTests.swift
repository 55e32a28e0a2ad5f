import FlowModel
import FlowTestKit
import Logging
import Testing
import Workers

/// Real accounts of a real sshd, with the login shells that people have.
@Suite("SSH login shells", .enabled(if: needsLab == nil, "needs root and sshd"), .timeLimit(.minutes(2)))
struct SSHLoginShellTests {
    private static let id = AttemptID(run: PoolUnderTest.run, step: StepPath("login"), generation: 1, number: 1)

    private func withClient(_ account: LabAccount, _ body: (HostRecordClient) async throws -> Void) async throws {
        try await withLab { lab, pool in
            let transport = pool.transport(to: lab.hosts[0].asAccount(account))
            try await body(
                HostRecordClient(transport: transport, spool: nil, logger: Logger(label: "quiet") { _ in SwiftLogNoOpLogHandler() }))
        }
    }

    private func start(_ client: HostRecordClient, _ script: String, _ sink: CollectingSink) async -> HostOutcome {
        let job = HostJob(
            interpreter: "/bin/sh", prelude: Array(". \"${0%/*}/script\"\n".utf8), script: Array(script.utf8), environment: [:])
        return await client.start(
            Self.id, fence: Fence(epoch: 1, attempt: 1), target: "web-1", job: job, sink: sink, placed: { _ in true }, report: { _ in })
    }

    @Test(arguments: [LabAccount.csh, .tcsh, .fish, .bash].filter(\.isHere))
    func `a ping starts the runner, and a step runs`(_ account: LabAccount) async throws {
        try await withClient(account) { client in
            try await client.hello()
            let sink = CollectingSink()
            let outcome = await start(client, #"printf '%s\n' "it's ! \\ $((1 + 1)) ~ $HOME"; id -un"# + "\n", sink)
            guard case .ended(let end) = outcome else {
                Issue.record("\(outcome)")
                return
            }
            #expect(end.exitStatus == 0)
            #expect(sink.text == "it's ! \\ 2 ~ /home/\(account)\n\(account)\n")
        }
    }

    @Test(arguments: [(LabAccount.closed, "login shell"), (LabAccount.homeless, "cannot make the spool directory /nonexistent")])
    func `an account in which no step can run is told by ping and step alike, in words`(_ account: LabAccount, _ words: String) async throws {
        try await withClient(account) { client in
            let failure = await #expect(throws: AttemptResult.Failure.self) { try await client.hello() }
            #expect(failure?.message.contains(words) == true, "\(failure as Any)")
            guard case .refused(let refusal) = await start(client, "true\n", CollectingSink()) else {
                Issue.record("it was started")
                return
            }
            #expect(refusal.message == failure?.message)
        }
    }
}
