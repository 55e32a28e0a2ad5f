import Foundation
import Glibc
import Testing
import Workers

/// A host keeps no secret of a step longer than the step lasts.
@Suite("Host runner secrets", .serialized, .timeLimit(.minutes(2)))
struct HostRunnerSecretTests {
    let folder: TestFolder
    private let secret = "hush-\(UInt64.random(in: 0 ... .max))"

    init() throws { folder = try TestFolder() }

    private static let needsAccount: ConditionTrait = .enabled(if: Machine.isRoot && Machine.has("sudo"), "another account needs root and sudo")

    /// A step that is given a secret in its prelude, and runs as another account.
    private func request(_ step: String, _ script: String, lines: [String] = []) -> RunnerRequest {
        var request = RunnerRequest(step: step, script: script, lines: lines)
        request.prelude = "password=\(secret)\n" + request.prelude
        request.lines += ["account nobody", "lengths \(request.prelude.utf8.count) \(script.utf8.count) 0 0"]
        return request
    }

    /// Files that hold it, in the spool and where accounts have their folders.
    private func leaks(_ host: RunnerUnderTest) -> [String] {
        let temporary = (try? FileManager.default.contentsOfDirectory(atPath: "/tmp")) ?? []
        let roots = temporary.filter { $0.hasPrefix("flow.") }.map { "/tmp/\($0)" } + [host.spool]
        return roots.flatMap { root in
            (FileManager.default.enumerator(atPath: root)?.compactMap { $0 as? String } ?? []).map { "\(root)/\($0)" }
        }.filter { path in
            var status = stat()
            guard lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return false }
            return FileManager.default.contents(atPath: path)?.range(of: Data(secret.utf8)) != nil
        }
    }

    @Test(needsAccount, arguments: Shell.here)
    func `nothing of a secret is there when a step of another account has ended`(_ shell: Shell) async throws {
        let host = RunnerUnderTest(shell, folder)
        let answer = try await host.ask("start", request("a0", "[ ${#password} -gt 5 ] && id -un"))
        #expect(answer.text == "nobody\n" && answer.ended == "ended 0 - 7 0 0 0", "\(answer.lines)")
        #expect(leaks(host).isEmpty)
    }

    @Test(needsAccount, arguments: Shell.here)
    func `one whose supervisor was killed leaves nothing once it is asked about`(_ shell: Shell) async throws {
        let host = RunnerUnderTest(shell, folder)
        let channel = try await host.begin("start", request("b0", "sleep 1000", lines: ["grace 20"]))
        #expect(try await comesTrue { host.marked("b0").count >= 1 && !leaks(host).isEmpty })
        kill(try await host.supervisor(of: "b0"), SIGKILL)
        #expect(try await RunnerUnderTest.answer(of: channel).lines.last == "died died")
        #expect(leaks(host).isEmpty)
    }

    /// What the account had in its folder is there after a boot as well, unless the host empties /tmp.
    @Test(needsAccount, arguments: ["attach", "forget"])
    func `after a reboot nothing is left once the host is asked`(_ verb: String) async throws {
        let host = RunnerUnderTest(.dash, folder)
        let channel = try await host.begin("start", request("c0", "sleep 1000"))
        #expect(try await comesTrue { host.marked("c0").count >= 1 && !leaks(host).isEmpty })
        for pid in Processes.runners(in: host.spool) + host.marked("c0") { kill(pid, SIGKILL) }
        channel.close()
        #expect(try await comesTrue { Processes.runners(in: host.spool).isEmpty && host.marked("c0").isEmpty })
        let boot = try #require(host.started("boot", "c0"))
        for path in [host.folder("c0") + "/started", "\(host.spool)/\(host.step("c0")).begun"] {
            let text = try String(contentsOfFile: path, encoding: .utf8)
            try text.replacingOccurrences(of: boot, with: "00000000-0000-0000-0000-000000000000").write(
                toFile: path, atomically: false, encoding: .utf8)
        }
        let answer = try await host.ask(verb, RunnerRequest(step: "c0", epoch: 2))
        #expect(answer.lines == [verb == "attach" ? "rebooted" : "forgotten"])
        #expect(leaks(host).isEmpty)
    }

    @Test(arguments: Shell.here)
    func `a start that does not get the lock leaves nothing, and one that was killed goes with the next record`(_ shell: Shell) async throws {
        var host = RunnerUnderTest(shell, folder)
        try #require(host.text.contains("flock -w 60 9"))
        let patient = host.text
        host.text = host.text.replacingOccurrences(of: "flock -w 60 9", with: "flock -n 9")
        let lock = "\(host.spool)/\(host.step("d0"))/lock"
        _ = try await host.ask("attach", RunnerRequest(step: "d0"))
        let holder = try await LocalTransport().open("exec flock \(lock) sh -c 'echo >\(folder.file("held")); exec cat'")
        #expect(try await comesTrue { folder.read("held") != nil })
        var request = RunnerRequest(step: "d0", epoch: 2, script: "true")
        request.prelude = "password=\(secret)\n"
        #expect(try await host.ask("start", request).last.hasPrefix("error busy"))
        #expect(try host.records("d0") == ["fence", "lock"])
        try await holder.finishInput()
        holder.close()
        // As a start that was killed before it began; its process has long ended.
        let child = try await LocalTransport().open("echo $$ >\(folder.file("ended"))")
        #expect(try await comesTrue { folder.read("ended")?.isEmpty == false })
        let pid = try #require(pid_t((folder.read("ended") ?? "").trimmingCharacters(in: .whitespacesAndNewlines)))
        #expect(try await comesTrue { Processes.state(pid) == nil })
        child.close()
        let left = "\(host.spool)/\(host.step("d0"))/new.\(pid)"
        try FileManager.default.createDirectory(atPath: left, withIntermediateDirectories: false)
        try secret.write(toFile: left + "/prelude", atomically: false, encoding: .utf8)
        host.text = patient
        #expect(try await host.ask("start", request, tail: Array("forget\n".utf8)).lines.last == "forgotten")
        #expect(leaks(host).isEmpty)
    }
}
