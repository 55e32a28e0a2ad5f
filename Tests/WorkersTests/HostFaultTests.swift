import FlowModel
import Foundation
import Glibc
import Testing
import Workers

/// What a person is told, and what is left of a step, where a host lets nothing begin or has lost what it kept.
@Suite("Host faults", .timeLimit(.minutes(1)))
struct HostFaultTests {
    let folder: TestFolder

    init() throws { folder = try TestFolder() }

    /// A `sudo` that says this on standard error and refuses.
    private func sudo(saying lines: [String]) throws -> [String: String] {
        let path = folder.file("bin/sudo")
        try FileManager.default.createDirectory(atPath: folder.file("bin"), withIntermediateDirectories: true)
        try "#!/bin/sh\n\(lines.map { "echo '\($0)' >&2\n" }.joined())exit 1\n".write(toFile: path, atomically: true, encoding: .utf8)
        chmod(path, 0o755)
        return ["PATH": folder.file("bin") + ":/usr/local/bin:/usr/bin:/bin"]
    }

    private static let complaint = ["sudo: unable to resolve host web-1: Name or service not known", "", "  sudo: a password is required"]
    private static let reason = "sudo: unable to resolve host web-1: Name or service not known; sudo: a password is required"

    @Test(arguments: Shell.here)
    func `all that sudo says is output, and the reason`(_ shell: Shell) async throws {
        var host = RunnerUnderTest(shell, folder)
        host.environment = try sudo(saying: Self.complaint)
        let answer = try await host.ask("start", RunnerRequest(step: "a0", script: "true", lines: ["account nobody"]))
        #expect(answer.last == "error sudo \(Self.reason)", "\(answer.lines)")
        #expect(
            String(decoding: answer.stderr, as: UTF8.self).split(separator: "\n")
                == Self.complaint.filter { !$0.isEmpty }.map { $0.drop { $0 == " " } })
        #expect(try host.records("a0") == ["lock"], "nothing is left")
    }

    @Test func `a step that sudo refuses says why, and its log has all lines of it`() async throws {
        let test = try PoolUnderTest(folder: folder, transport: LocalTransport(environment: try sudo(saying: Self.complaint)))
        let order = AttemptOrder.shell("true", step: "as") { $0.account = "nobody" }
        try await test.with { pool async throws in
            let result = try await test.carryOut(order, on: pool)
            #expect(result.failure?.message == "sudo -n was refused on the host: \(Self.reason)")
            #expect(result.outputBytes > 0 && result.lastLine == "sudo: a password is required")
            let log = try await test.output(order.id, .stderr)
            #expect(log.contains("unable to resolve host web-1") && log.contains("a password is required"), "\(log)")
        }
    }

    @Test func `a step that removes its own record is lost, and has run once`() async throws {
        let test = try PoolUnderTest(folder: folder)
        let order = AttemptOrder.shell(
            "echo x >>\"$1\"; until rm -rf \"$(dirname \"$FLOW_OUTPUT\")\" 2>/dev/null; do :; done; sleep 0.1", step: "wipe"
        ) {
            $0.arguments = [folder.file("ran")]
        }
        try await test.with { pool async throws in
            guard case .lost(let reason) = try await test.carryOut(order, on: pool).outcome else {
                Issue.record("\(test.reports.events(of: order.id))")
                return
            }
            #expect(reason.contains("its record is gone"))
            #expect(!test.reports.events(of: order.id).contains(.neverStarted))
        }
        #expect(folder.read("ran") == "x\n")
    }

    /// As flowd has it where it is root: commands see nothing of the home but the spool in it.
    @Test(.enabled(if: Machine.isRoot, "commands are confined where the engine is root"))
    func `a spool that is removed while the engine lives is made again, and what was out in it is lost`() async throws {
        let spool = folder.file("spool")
        let confinement = LaunchConfinement(hidden: [folder.path], kept: spool)
        let transport = LocalTransport(start: ConfinedStart(confinement), spool: LocalSpool(path: spool, owner: nil))
        let test = try PoolUnderTest(folder: folder, transport: transport)
        let running = AttemptOrder.shell("sleep 1000", step: "running-\(UInt64.random(in: 0 ... .max))")
        try await test.with { pool async throws in
            #expect(try await test.carryOut(.shell("true", step: "before"), on: pool).output != nil)
            pool.dispatch(running)
            #expect(try await comesTrue { test.reports.events(of: running.id).contains { if case .started = $0 { true } else { false } } })
            // What is being written there meanwhile does not keep it.
            #expect(
                try await comesTrue {
                    (try? FileManager.default.removeItem(atPath: spool)) != nil || !FileManager.default.fileExists(atPath: spool)
                })
            #expect(try await test.carryOut(.shell("true", step: "after"), on: pool).output != nil)
        }
        guard case .placed(let place) = test.reports.events(of: running.id).first else { throw CancellationError() }
        let second = try PoolUnderTest(folder: folder, transport: transport)
        try await second.with { pool async throws in
            let again = running.attached(at: place)
            guard case .lost(let reason) = try await second.carryOut(again, on: pool).outcome else {
                Issue.record("\(second.reports.events(of: running.id))")
                return
            }
            #expect(reason.contains("the host's spool is not the one"))
        }
        for pid in Processes.all
        where FileManager.default.contents(atPath: "/proc/\(pid)/environ")?.range(of: Data("FLOW_STEP=\(running.id.step.text)\0".utf8)) != nil {
            kill(pid, SIGKILL)
        }
        #expect(try await comesTrue { Processes.runners(in: spool).isEmpty })
    }
}
