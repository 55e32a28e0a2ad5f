import Foundation
import Glibc
import Testing
import Workers

/// The runner's own processes are killed at moments that nobody chose.
@Suite("Host runner crashes", .timeLimit(.minutes(15)))
struct HostRunnerCrashTests {
    let folder: TestFolder

    init() throws { folder = try TestFolder() }

    private static let rounds = ProcessInfo.processInfo.environment["FLOW_CRASH_ROUNDS"].flatMap { Int($0) } ?? 15

    /// Notes its start and its end, and whether anything of another attempt of this step is alive.
    private static func script(_ number: Int, _ ledger: String) -> String {
        """
        exec 2>/dev/null
        others=${FLOW_ATTEMPT_MARK%/*/}/
        grep -lsF "FLOW_ATTEMPT_MARK=$others" /proc/[0-9]*/environ | while read -r file; do
          tr '\\0' '\\n' <"$file" | grep -F "FLOW_ATTEMPT_MARK=$others" | grep -vxF "FLOW_ATTEMPT_MARK=$FLOW_ATTEMPT_MARK" >>\(ledger).overlap || :
        done
        echo start \(number) >>\(ledger)
        sleep 0.1
        echo end \(number) >>\(ledger)
        echo done \(number)
        """
    }

    @Test(arguments: Shell.here)
    func `whatever of the runner is killed, nothing runs twice or together, and no end that was written is lost`(_ shell: Shell) async throws {
        var chance = SystemRandomNumberGenerator()
        var came: [String: Int] = [:]
        for round in 0..<Self.rounds {
            let host = RunnerUnderTest(shell, folder, spool: "spool-\(round)")
            let ledger = folder.file("ledger-\(round)")
            let first = try await host.begin("start", RunnerRequest(step: "a0", script: Self.script(1, ledger), lines: ["grace 20"]))
            try await Task.sleep(for: .milliseconds(Int.random(in: 0..<350, using: &chance)))
            let runners = Processes.runners(in: host.spool)
            // All of them, or one.
            for pid in Bool.random(using: &chance) ? runners : Array(runners.shuffled(using: &chance).prefix(1)) { kill(pid, SIGKILL) }
            first.close()
            let written = try? String(contentsOfFile: host.folder("a0") + "/ended", encoding: .utf8)

            let answer = try await host.ask("attach", RunnerRequest(step: "a0", epoch: 2))
            came[answer.word, default: 0] += 1
            #expect(["absent", "ended", "died"].contains(answer.word), "\(round): \(answer.lines)")
            if written != nil { #expect(answer.ended != nil, "\(round): the end \(written ?? "") was written") }
            if let ended = answer.ended?.split(separator: " ").compactMap({ Int($0) }), ended[0] == 0 {
                // Who copies the output may be the one that was killed; then it is noted how much is missing.
                #expect(answer.text == "done 1\n" || ended[2] > 0, "\(round): \(answer.lines) \(answer.text)")
            }
            // What comes late, when it was already asked about, does nothing.
            let late = try await host.ask("start", RunnerRequest(step: "a0", script: Self.script(1, ledger)))
            #expect(late.last.hasPrefix("error refused"), "\(round): \(late.lines)")

            let second = try await host.ask("start", RunnerRequest(step: "a0", epoch: 2, number: 2, script: Self.script(2, ledger)))
            #expect(second.ended == "ended 0 - 7 0 0 0", "\(round): \(second.lines)")
            let lines = try #require(folder.read("ledger-\(round)")).split(separator: "\n").map(String.init)
            #expect(lines.suffix(2) == ["start 2", "end 2"], "\(round): \(lines)")
            #expect(lines.count { $0 == "start 1" } <= 1 && lines.count { $0 == "start 2" } == 1, "\(round): \(lines)")
            if answer.word == "absent" { #expect(!lines.contains("start 1"), "\(round): it was said that it never started") }
            if answer.ended?.hasPrefix("ended 0") == true { #expect(lines.contains("end 1")) }
            #expect(folder.read("ledger-\(round).overlap") ?? "" == "", "\(round)")
            #expect(try await comesTrue { Processes.runners(in: host.spool).isEmpty && host.marked("a0").isEmpty })
        }
        print("\(shell.command): what came of the killed attempts: \(came)")
    }
}
