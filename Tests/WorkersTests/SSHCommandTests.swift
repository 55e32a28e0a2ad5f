import FlowModel
import FlowTestKit
import Foundation
import Testing
import Workers

@Suite("SSH commands", .enabled(if: needsLab == nil, "needs root and sshd"), .timeLimit(.minutes(1)))
struct SSHCommandTests {
    @Test func `both streams arrive, apart`() async throws {
        try await withLab { lab, pool in
            let done = try await pool.run("echo out; echo err >&2; exit 7", on: lab.hosts[0].host)
            #expect(done.text == "out\n")
            #expect(String(decoding: done.stderr, as: UTF8.self) == "err\n")
            #expect(done.status == 7)
            #expect(done.signal == nil)
        }
    }

    @Test func `eight MiB of any bytes come back as they went`() async throws {
        var seed: UInt64 = 42
        let sent = (0..<(8 << 20)).map { _ in
            seed = seed &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return UInt8(truncatingIfNeeded: seed >> 56)
        }
        try await withLab { lab, pool in
            let done = try await pool.run("cat", on: lab.hosts[0].host, input: sent)
            #expect(done.stdout == sent)
            #expect(done.status == 0)
        }
    }

    @Test(arguments: [("KILL", 9), ("TERM", 15), ("SEGV", 11)])
    func `a command that a signal ended says which`(name: String, number: Int) async throws {
        try await withLab { lab, pool in
            let done = try await pool.run("kill -\(name) $$", on: lab.hosts[0].host)
            #expect(done.status == nil)
            #expect(done.signal == number)
        }
    }

    @Test func `fifty commands at once on one host all end well`() async throws {
        try await withLab { lab, pool in
            try await withThrowingTaskGroup(of: String.self) { group in
                for number in 0..<50 {
                    group.addTask {
                        try await pool.run("echo \(number); cat", on: lab.hosts[0].host, input: Array("x".utf8)).text
                    }
                }
                let texts = try await group.reduce(into: Set<String>()) { $0.insert($1) }
                #expect(texts == Set((0..<50).map { "\($0)\nx" }))
            }
        }
    }

    @Test func `a reader that does not read holds the command up, and loses nothing`() async throws {
        try await withLab { lab, pool in
            let host = lab.hosts[0]
            let channel = try await pool.transport(to: host.host).open(
                "i=0; while [ $i -lt 200 ]; do head -c 100000 /dev/zero; i=$((i+1)); echo $i > /tmp/progress; done")
            // What fits into windows and buffers is far less than the 20 MB that it wants to write.
            var last = ""
            var unchanged = 0
            try await eventually("the command is not held up") {
                let now = (try? String(contentsOfFile: host.root + "/tmp/progress", encoding: .utf8)) ?? ""
                unchanged = now == last && !now.isEmpty ? unchanged + 1 : 0
                last = now
                return unchanged > 40
            }
            let reached = try #require(Int(last.trimmingCharacters(in: .newlines)))
            #expect(reached < 100)
            let done = try await channel.collect()
            #expect(done.stdout.count == 20_000_000)
            #expect(done.status == 0)
        }
    }

    @Test func `a writer waits for a command that does not read`() async throws {
        try await withLab { lab, pool in
            let host = lab.hosts[0]
            let channel = try await pool.transport(to: host.host).open(
                "while [ ! -e /tmp/go ]; do sleep 0.05; done; wc -c")
            let wrote = Task { try await channel.write([UInt8](repeating: 1, count: 16 << 20)) }
            // Another command on the same session is not held up by it.
            try await pool.expect("echo fine", on: host.host, says: "fine\n")
            _ = FileManager.default.createFile(atPath: host.root + "/tmp/go", contents: nil)
            try await wrote.value
            try await channel.finishInput()
            let done = try await channel.collect()
            #expect(done.text.trimmingCharacters(in: .whitespacesAndNewlines) == "16777216")
        }
    }

    @Test func `input that a command does not want is refused, not lost in silence`() async throws {
        try await withLab { lab, pool in
            let channel = try await pool.transport(to: lab.hosts[0].host).open("exit 3")
            let done = try await channel.collect()
            #expect(done.status == 3)
            let error = await transportError { try await channel.write([1, 2, 3]) }
            #expect(error?.phase == .stream)
            #expect(error?.mayHaveRun == true)
        }
    }

    @Test func `closing lets the command go on`() async throws {
        try await withLab { lab, pool in
            let host = lab.hosts[0]
            let channel = try await pool.transport(to: host.host).open(
                "(sleep 0.3; echo done > /tmp/after) >/dev/null 2>&1 & echo started")
            let first = try await channel.next()
            #expect(first == .stdout(Array("started\n".utf8)))
            channel.close()
            try await eventually("the command was ended") { FileManager.default.fileExists(atPath: host.root + "/tmp/after") }
        }
    }

    @Test func `a child that keeps the output open delays the end by a bounded time`() async throws {
        var limits = SSHLimits()
        limits.drain = .milliseconds(300)
        try await withLab(limits: limits) { lab, pool in
            let done = try await pool.run("sleep 30 & echo left; exit 4", on: lab.hosts[0].host)
            #expect(done.text == "left\n")
            #expect(done.status == 4)
        }
    }

    @Test func `a cancelled reader ends at once and the session serves on`() async throws {
        try await withLab { lab, pool in
            let host = lab.hosts[0].host
            let channel = try await pool.transport(to: host).open("sleep 30")
            let reader = Task { try await channel.next() }
            reader.cancel()
            await #expect(throws: CancellationError.self) { try await reader.value }
            channel.close()
            try await pool.expect("echo on", on: host, says: "on\n")
        }
    }

    @Test func `a command with a NUL is refused before anything is sent`() async throws {
        try await withLab { lab, pool in
            let error = await transportError { _ = try await pool.transport(to: lab.hosts[0].host).open("echo \0") }
            #expect(error?.phase == .exec)
            #expect(error?.mayHaveRun == false)
            #expect(!lab.log(of: lab.hosts[0]).contains("Connection from"))
        }
    }
}
