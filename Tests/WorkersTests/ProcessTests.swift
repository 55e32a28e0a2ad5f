import CFlowShims
import FlowModel
import Foundation
import Glibc
import Testing
import Workers

/// Others start processes too while this suite runs, so counts are compared with room for them.
@Suite("Processes", .serialized, .timeLimit(.minutes(10)))
struct ProcessTests {
    private struct Footprint {
        var descriptors: Int
        var threads: Int
        var zombies: Int
        var kilobytes: Int

        static func now() throws -> Footprint {
            let status = try String(contentsOfFile: "/proc/self/status", encoding: .utf8)
            func field(_ name: String) -> Int {
                status.split(separator: "\n").first { $0.hasPrefix(name + ":") }?.split(whereSeparator: { $0 == " " || $0 == "\t" })
                    .dropFirst().first.flatMap { Int($0) } ?? -1
            }
            // A child is listed with the thread that made it.
            let children = try FileManager.default.contentsOfDirectory(atPath: "/proc/self/task").flatMap { task in
                ((try? String(contentsOfFile: "/proc/self/task/\(task)/children", encoding: .utf8)) ?? "").split(separator: " ")
            }
            let zombies = children.filter { child in
                (try? String(contentsOfFile: "/proc/\(child)/stat", encoding: .utf8))?.contains(") Z ") == true
            }
            return Footprint(
                descriptors: try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").count, threads: field("Threads"),
                zombies: zombies.count, kilobytes: field("VmRSS"))
        }
    }

    private func run(_ command: String, input: [UInt8] = []) async throws -> (out: [UInt8], err: [UInt8], end: TransportEvent?) {
        let channel = try await LocalTransport().open(command)
        async let fed: Void = {
            try await channel.write(input)
            try await channel.finishInput()
        }()
        var (out, err, end): ([UInt8], [UInt8], TransportEvent?) = ([], [], nil)
        while let event = try await channel.next() {
            switch event {
            case .stdout(let bytes): out += bytes
            case .stderr(let bytes): err += bytes
            case .exited: end = event
            }
        }
        try? await fed
        channel.close()
        return (out, err, end)
    }

    @Test func `input, both outputs and the exit status pass`() async throws {
        let input = [UInt8]((0..<3_000_000).map { UInt8(truncatingIfNeeded: $0 &* 31) })
        let done = try await run("cat; echo oops >&2; exit 7", input: input)
        #expect(done.out == input)
        #expect(done.err == Array("oops\n".utf8))
        #expect(done.end == .exited(status: 7, signal: nil))
        #expect(try await run("kill -9 $$").end == .exited(status: nil, signal: 9))
    }

    @Test func `what a command left running holds nobody up`() async throws {
        let started = ContinuousClock.now
        let done = try await run("sleep 1000 & echo $!")
        let left = try #require(Int32(String(decoding: done.out, as: UTF8.self).trimmingCharacters(in: .newlines)))
        #expect(kill(left, 0) == 0, "it runs on")
        kill(left, SIGKILL)
        #expect(ContinuousClock.now - started < .seconds(10))
    }

    @Test func `a reader that does not read holds the command up`() async throws {
        let folder = try TestFolder()
        let channel = try await LocalTransport().open("dd if=/dev/zero bs=65536 count=400 2>/dev/null; echo done >\(folder.file("done"))")
        #expect(try await !comesTrue(within: 0.5) { folder.read("done") != nil }, "26 MB went into nothing")
        var count = 0
        while let event = try await channel.next() { if case .stdout(let bytes) = event { count += bytes.count } }
        #expect(count == 65_536 * 400)
        #expect(folder.read("done") != nil)
        channel.close()
    }

    @Test func `writing to a command that has ended is an error, not the end of this process`() async throws {
        let channel = try await LocalTransport().open("exec <&-; exit 0")
        while try await channel.next() != nil {}
        await #expect(throws: TransportError.self) { try await channel.write([UInt8](repeating: 0, count: 1 << 20)) }
        channel.close()
    }

    @Test func `waiting for output is cut short by cancellation`() async throws {
        let channel = try await LocalTransport().open("echo $$; exec sleep 1000")
        guard case .stdout(let line)? = try await channel.next() else { throw CancellationError() }
        await #expect(throws: CancellationError.self) {
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { _ = try await channel.next() }
                group.cancelAll()
                try await group.waitForAll()
            }
        }
        kill(try #require(Int32(String(decoding: line, as: UTF8.self).trimmingCharacters(in: .newlines))), SIGKILL)
        #expect(try await channel.next() == .exited(status: nil, signal: 9))
        channel.close()
    }

    @Test func `a child gets its descriptors and no others, and none of our signal settings`() async throws {
        let file = open("/dev/null", O_RDONLY)
        defer { close(file) }
        // Field by field: what is ignored must be nothing, although this process ignores SIGPIPE.
        let done = try await run("ls /proc/self/fd | wc -l; grep -E 'SigIgn|SigBlk' /proc/self/status | tr -d '0\\n\\t '")
        #expect(String(decoding: done.out, as: UTF8.self) == "4\nSigBlk:SigIgn:")
    }

    @Test func `a program that cannot be started says which step failed`() async throws {
        let error = await #expect(throws: (any Error).self) {
            try await ChildProcess.start(Launch(program: .path("/no/such/program"), arguments: ["program"]))
        }
        #expect("\(try #require(error))" == "'program' was not started, starting it failed: No such file or directory")
    }

    @Test func `a confined program sees a hidden directory empty`() async throws {
        let folder = try TestFolder()
        let home = folder.file("home")
        try FileManager.default.createDirectory(atPath: home, withIntermediateDirectories: true)
        try "x".write(toFile: home + "/secret.key", atomically: true, encoding: .utf8)
        let confinement = LaunchConfinement(hidden: [home])
        try #require(await confinement.fault() == nil)
        let child = try await ChildProcess.start(
            Launch(
                program: .path("/bin/sh"), arguments: ["sh", "-c", "ls -A \(home) >\(folder.file("seen")); touch \(home)/new"],
                environment: ["PATH": "/usr/bin:/bin"], confinement: confinement))
        #expect(await child.end() != .exited(0), "nothing can be made there")
        #expect(folder.read("seen")?.isEmpty == true)
        #expect(FileManager.default.fileExists(atPath: home + "/secret.key"), "and here nothing changed")
    }

    @Test func `a machine that has no descriptor left keeps a step waiting, which says so, and then runs it`() async throws {
        let test = try PoolUnderTest(folder: try TestFolder())
        let order = AttemptOrder.shell("echo ran", step: "waits")
        try await test.with { pool async throws in
            // All numbers that are free below the limit are of no use.
            try await withSoftLimit(RLIMIT_NOFILE, 3) { () async throws in
                pool.dispatch(order)
                #expect(try await comesTrue { test.reports.events(of: order.id).count == 1 })
                guard case .unreachable(let reason)? = test.reports.events(of: order.id).first else {
                    Issue.record("\(test.reports.events(of: order.id))")
                    return
                }
                #expect(reason.contains("short of something") && reason.contains("Too many open files"), "\(reason)")
                let error = await transportError { _ = try await LocalTransport(patience: 0).open("true") }
                #expect(error?.message.contains("Too many open files") == true)
            }
            #expect(try await test.result(of: order.id).output?["stdout"] == "ran")
            #expect(test.reports.events(of: order.id).contains(.reachable))
        }
    }

    @Test func `programs get the limit of descriptors that this process was started with`() async throws {
        let given = try await runHere("ulimit -Sn").text
        var whole = rlimit()
        try #require(getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &whole) == 0)
        #expect(flow_raise_descriptor_limit(UInt64(WorkerLimits.reservedDescriptors)) == UInt64(whole.rlim_max))
        #expect(try await runHere("ulimit -Sn").text == given, "a program may not be made for more")
    }

    /// In a process of its own: a hard limit cannot be raised again everywhere.
    @Test func `programs and connections leave the last descriptors to the engine`() async throws {
        await #expect(processExitsWith: .success) {
            var few = rlimit(rlim_cur: 256, rlim_max: 256)
            try #require(setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &few) == 0)
            #expect(flow_raise_descriptor_limit(16) == 256)
            let ssh = try SSHPool()
            var taken: [Int32] = []
            while taken.last ?? 0 < 239 {
                taken.append(open("/dev/null", O_RDONLY | O_CLOEXEC))
                try #require(taken.last ?? -1 >= 0)
            }
            let error = await transportError { _ = try await LocalTransport(patience: 0).open("true") }
            #expect(error?.message.contains("Too many open files") == true, "\(String(describing: error))")
            // Nobody listens there: what is refused was tried.
            let host = FlowModel.Host(name: "any", address: "127.0.8.1", port: 9, user: "ops", identityFile: "/none", hostKeys: ["ssh-ed25519 AAAA"])
            async let refused = transportError { _ = try await ssh.transport(to: host).open("true") }
            let own = open("/dev/null", O_RDONLY | O_CLOEXEC)
            #expect(own >= 0, "the engine's own files can still be opened")
            close(own)
            for descriptor in taken { close(descriptor) }
            #expect(await refused?.message.contains("Connection refused") == true)
            #expect(try await runHere("echo well").text == "well\n")
            await ssh.shutDown()
        }
    }

    // MARK: - What ends with a program

    private static let leaving = "setsid sleep 1000 </dev/null >/dev/null 2>&1 & echo $!; exit "

    @Test(arguments: [0, 3]) func `what a program that failed left is ended, what one left that ended well goes on`(status: Int) async throws {
        let channel = try await LocalTransport(extent: .wholeWithUs).open(Self.leaving + "\(status)")
        let done = try await channel.collect()
        let pid = try #require(Int32(done.text.dropLast()))
        #expect(done.status == status)
        #expect(isRunning(pid) == (status == 0))
        if status == 0 { kill(pid, SIGKILL) }
    }

    @Test func `what cannot be started has no keeper either, and says why`() async throws {
        let error = await #expect(throws: (any Error).self) {
            _ = try await ChildProcess.start(Launch(program: .path("/no/such/program"), arguments: ["none"], extent: .whole))
        }
        #expect("\(error as Any)".contains("starting it failed: No such file or directory"), "\(error as Any)")
        #expect(try Footprint.now().zombies == 0)
    }

    @Test func `programs that are bound to a process end when that one is killed`() async throws {
        let note = "/tmp/flow-bound-\(getpid())"
        defer { unlink(note) }
        await #expect(processExitsWith: .signal(SIGKILL)) {
            let note = "/tmp/flow-bound-\(getppid())"
            let command = "setsid sleep 1000 </dev/null >/dev/null 2>&1 & echo \"$! $$\" >\(note).new; mv \(note).new \(note); exec sleep 1000"
            let channel = try await LocalTransport(extent: .wholeWithUs).open(command)
            while access(note, F_OK) != 0 { usleep(5_000) }
            kill(getpid(), SIGKILL)
            channel.close()
        }
        let text = try String(contentsOfFile: note, encoding: .utf8)
        let pids = text.split(whereSeparator: \.isWhitespace).compactMap { Int32($0) }
        #expect(pids.count == 2)
        #expect(try await comesTrue { pids.allSatisfy { !isRunning($0) } })
    }

    @Test func `spawned children leave descriptors, threads and memory flat`() async throws {
        let count = ProcessInfo.processInfo.environment["FLOW_SPAWNS"].flatMap { Int($0) } ?? 2_000
        func spawn(_ count: Int) async throws {
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in 0..<count {
                    if number >= 32 { try await group.next() }
                    group.addTask {
                        let done = try await run("echo x; exit 3")
                        guard done.out == Array("x\n".utf8), done.end == .exited(status: 3, signal: nil) else {
                            throw TransportError(.exec, "\(done)")
                        }
                    }
                }
                try await group.waitForAll()
            }
        }
        try await spawn(100)
        let before = try Footprint.now()
        let clock = ContinuousClock()
        let time = try await clock.measure { try await spawn(count) }
        let after = try Footprint.now()
        print("\(count) children in \(time); before \(before), after \(after)")
        #expect(after.descriptors <= before.descriptors + 12)
        #expect(after.threads <= before.threads + 8)
        #expect(after.zombies == 0)
        #expect(after.kilobytes <= before.kilobytes + 16_384)
    }
}
