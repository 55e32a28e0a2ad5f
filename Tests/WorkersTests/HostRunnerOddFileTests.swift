import Foundation
import Glibc
import Testing
import Workers

/// Something else stands where a file of the record was: a pipe that is waited for, a device that is read for ever, a file without an end. Whoever
/// has the account of a step can put it there. No runner waits for it or reads on.
@Suite("Host runner, odd files", .serialized, .timeLimit(.minutes(3)))
struct HostRunnerOddFileTests {
    enum Odd: String, CaseIterable, Sendable {
        case pipe, device, endless

        func put(at path: String) throws {
            unlink(path)
            switch self {
            case .pipe: try #require(mkfifo(path, 0o600) == 0)
            case .device: try #require(symlink("/dev/zero", path) == 0)
            case .endless:
                let file = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0o600)
                try #require(file >= 0)
                defer { close(file) }
                try #require(ftruncate(file, 1 << 42) == 0)
            }
        }
    }

    let folder: TestFolder

    init() throws { folder = try TestFolder() }

    private func noneIsLeft(_ host: RunnerUnderTest) async throws {
        #expect(try await comesTrue { Processes.runners(in: host.spool).isEmpty }, "a runner goes on")
    }

    @Test(arguments: Shell.here, Odd.allCases) func `the id of a spool`(_ shell: Shell, _ odd: Odd) async throws {
        let host = RunnerUnderTest(shell, folder)
        #expect(try await host.ask("hello", RunnerRequest(step: "0")).last == "ready")
        try odd.put(at: host.spool + "/id")
        let answer = try await host.ask("hello", RunnerRequest(step: "0"))
        #expect(answer.last.hasPrefix("error storage ") && answer.last.contains(host.spool), "\(answer.lines)")
        try await noneIsLeft(host)
    }

    private static let files = [
        "started", "ended", "stop", "pid", "seen", "stdout", "stderr", "value", "prelude", "../fence", "../lock", "../../begun",
    ]

    private func path(_ file: String, of step: String, on host: RunnerUnderTest) -> String {
        file == "../../begun" ? "\(host.spool)/\(host.step(step)).begun" : host.folder(step) + "/" + file
    }

    @Test(arguments: Shell.here, Odd.allCases)
    func `a file of the record of an attempt that has ended`(_ shell: Shell, _ odd: Odd) async throws {
        let host = RunnerUnderTest(shell, folder)
        for (number, file) in Self.files.enumerated() {
            let step = "e\(number)"
            let first = try await host.ask("start", RunnerRequest(step: step, script: "echo out; echo x=1 >$FLOW_OUTPUT"))
            #expect(first.ended?.hasPrefix("ended 0 - 4 0 0 0") == true, "\(first.lines)")
            try odd.put(at: path(file, of: step, on: host))
            let asked = try await host.ask("attach", RunnerRequest(step: step, epoch: 2))
            #expect(["ended", "gone", "died"].contains(asked.word), "\(file): \(asked.lines)")
            #expect(try await host.ask("kill", RunnerRequest(step: step, epoch: 2)).last == "empty", "\(file)")
            // What was begun stays known, whatever its record is like.
            let next = try await host.ask("start", RunnerRequest(step: step, epoch: 3, number: 2, script: "echo next", lines: ["after 1"]))
            #expect(
                next.ended == "ended 0 - 5 0 0 0" || next.lines == ["error storage cannot read the fence in \(host.spool)/\(host.step(step))"],
                "\(file): \(next.lines)")
        }
        try await noneIsLeft(host)
    }

    @Test(arguments: Shell.here, [Odd.pipe, .device])
    func `what a script puts in place of its own record while it runs`(_ shell: Shell, _ odd: Odd) async throws {
        let host = RunnerUnderTest(shell, folder)
        let put = odd == .pipe ? "mkfifo" : "ln -s /dev/zero"
        for (number, file) in ["pid", "seen", "value", "output", "prelude", "out.more", "ended.new", "stdout", "started", "../fence"].enumerated() {
            let step = "f\(number)"
            // Some of them are written again and again.
            let path = "\"${FLOW_OUTPUT%/*}/\(file)\""
            let script = "echo out\nuntil rm -f \(path) && \(put) \(path) 2>/dev/null; do :; done\nsleep 0.1"
            let answer = try await host.ask("start", RunnerRequest(step: step, script: script, lines: ["grace 20"]))
            #expect(answer.ended?.hasPrefix("ended 0 - 4 0 ") == true, "\(file): \(answer.lines)")
            #expect(answer.value == nil)
        }
        try await noneIsLeft(host)
    }
}
