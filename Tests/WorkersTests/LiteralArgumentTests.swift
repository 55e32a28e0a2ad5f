import FlowModel
import FlowTestKit
import Foundation
import Logging
import Testing
import Workers

/// Values reach scripts as they are, over the whole way that they take: prelude, request, host record, interpreter.
@Suite("Literal arguments", .timeLimit(.minutes(2)))
struct LiteralArgumentTests {
    private struct Program: Sendable, CustomTestStringConvertible {
        var name: String
        var interpreter: ShellSpec.Interpreter
        var testDescription: String { name }
    }

    private static let programs = [
        Program(name: "/bin/sh", interpreter: .sh), Program(name: "dash", interpreter: .sh), Program(name: "bash", interpreter: .bash),
        Program(name: "python3", interpreter: .python),
    ].filter { $0.name.hasPrefix("/") || Machine.has($0.name) }

    /// Says each argument and each variable, ended by NUL, which none can hold, and then what has come about beside it.
    private static func script(_ program: Program, variables: [String]) -> String {
        if program.interpreter == .python {
            return """
                import os, sys
                for value in sys.argv[1:] + [\(variables.joined(separator: ", "))] + os.listdir("."):
                    sys.stdout.buffer.write(value.encode() + b"\\0")
                """
        }
        let quoted = variables.map { "\"${\($0)}\"" }.joined(separator: " ")
        return #"printf '%s\0' "$@" \#(quoted); [ -z "$(ls -A)" ] || ls -A"#
    }

    private func carry(_ values: [String], by program: Program, to client: HostRecordClient, step: String) async throws -> [String] {
        var work = ShellWork(interpreter: program.interpreter, source: .text(""), arguments: values)
        work.variables = values.enumerated().map { .init(name: "flow_\($0.offset)", value: $0.element) }
        let script = Self.script(program, variables: work.variables.map(\.name))
        let job = HostJob(interpreter: program.name, prelude: try Prelude.bytes(for: work), script: Array(script.utf8), environment: [:])
        let sink = CollectingSink()
        let id = AttemptID(run: PoolUnderTest.run, step: StepPath(step), generation: 1, number: 1)
        let outcome = await client.start(
            id, fence: Fence(epoch: 1, attempt: 1), target: nil, job: job, sink: sink, placed: { _ in true }, report: { _ in })
        guard case .ended(let end) = outcome, end.exitStatus == 0 else {
            throw TransportError(.exec, "\(program.name): \(outcome) \(sink.text.suffix(200))")
        }
        await client.forget(id, target: nil)
        return sink.stdout.split(separator: 0, omittingEmptySubsequences: false).dropLast().map { String(decoding: $0, as: UTF8.self) }
    }

    /// A thousand random ones, and those that are known to be bad.
    private func carryAll(by program: Program, to client: HostRecordClient) async throws {
        let values = AwkwardTexts.plain + AwkwardTexts.random(1_000)
        for start in stride(from: 0, to: values.count, by: 100) {
            let some = Array(values[start..<min(values.count, start + 100)])
            let seen = try await carry(some, by: program, to: client, step: "\(program.name)-\(start)")
            // By bytes: as texts, some that differ in form are equal.
            #expect(seen.map { Array($0.utf8) } == (some + some).map { Array($0.utf8) })
        }
    }

    private static let quiet = Logger(label: "quiet") { _ in SwiftLogNoOpLogHandler() }

    @Test(arguments: programs)
    private func `every value arrives here as one literal argument`(_ program: Program) async throws {
        let folder = try TestFolder()
        try await carryAll(
            by: program, to: HostRecordClient(transport: LocalTransport(), spool: folder.file("spool"), logger: Self.quiet))
    }

    @Test(.enabled(if: needsLab == nil, "needs root and sshd"))
    func `every value arrives over SSH as one literal argument`() async throws {
        try await withLab { lab, pool in
            let client = HostRecordClient(transport: pool.transport(to: lab.hosts[0].host), spool: nil, logger: Self.quiet)
            for program in Self.programs { try await carryAll(by: program, to: client) }
        }
    }
}
