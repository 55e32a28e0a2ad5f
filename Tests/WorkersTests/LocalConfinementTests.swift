import CFlowShims
import FlowModel
import Foundation
import Glibc
import Synchronization
import Testing
import Workers

/// Authors' commands on the engine's own machine do not have the engine's reach.
@Suite("Local confinement", .enabled(if: geteuid() == 0, "commands are confined where the engine is root"), .timeLimit(.minutes(10)))
struct LocalConfinementTests {
    private static let binary = Digest(bytes: [UInt8](repeating: 8, count: 32))

    /// A home with a key, and a spool in it.
    private func home() throws -> (folder: TestFolder, home: String, spool: String) {
        let folder = try TestFolder()
        let (home, spool) = (folder.file("home"), folder.file("home/spool"))
        try FileManager.default.createDirectory(atPath: spool, withIntermediateDirectories: true)
        try "key".write(toFile: home + "/secret.key", atomically: true, encoding: .utf8)
        return (folder, home, spool)
    }

    private func said(_ command: String, _ confinement: LaunchConfinement) async throws -> String {
        let channel = try await LocalTransport(start: ConfinedStart(confinement)).open(command)
        try await channel.finishInput()
        var text = ""
        while let event = try await channel.next() {
            if case .stdout(let bytes) = event { text += String(decoding: bytes, as: UTF8.self) }
        }
        channel.close()
        return text
    }

    @Test func `a command sees of the home what it works in, and nothing else`() async throws {
        let (folder, home, spool) = try home()
        let confinement = LaunchConfinement(hidden: [home], kept: spool)
        #expect(try await said("ls -A \(home); cat \(home)/secret.key", .none) == "secret.key\nspool\nkey")
        #expect(try await said("ls -A \(home); cat \(home)/secret.key", confinement) == "spool\n")
        #expect(try await said("echo x >\(home)/new; echo x >\(spool)/new; ls \(home) \(spool)", confinement).contains("\(spool):\nnew\n"))
        #expect(try FileManager.default.contentsOfDirectory(atPath: home).sorted() == ["secret.key", "spool"])
        withExtendedLifetime(folder) {}
    }

    @Test func `a command runs as the account that is named`() async throws {
        let (folder, home, spool) = try home()
        let nobody = LaunchConfinement.Account(user: 65_534, group: 65_534, name: "nobody", home: "/nonexistent")
        chown(spool, nobody.user, nobody.group)
        let confinement = LaunchConfinement(hidden: [home], kept: spool, account: nobody)
        #expect(try await said("id -u; id -G; cat /etc/shadow; echo x >\(spool)/mine && echo kept", confinement) == "65534\n65534\nkept\n")
        withExtendedLifetime(folder) {}
    }

    /// An account that nobody else has, whose home and spool are there.
    private func stranger(_ folder: TestFolder) throws -> LaunchConfinement {
        let account = LaunchConfinement.Account(user: 60_123, group: 60_123, name: "stranger", home: folder.file("its-home"))
        for path in [folder.file("spool"), account.home] {
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
            chown(path, account.user, account.group)
        }
        return LaunchConfinement(hidden: [folder.file("home")], account: account)
    }

    @Test func `where the account has no process left its steps wait, and never run as the engine`() async throws {
        let folder = try TestFolder()
        let confinement = try stranger(folder)
        let start = ConfinedStart(confinement)
        let test = try PoolUnderTest(folder: folder, confinement: confinement) { _ in LocalTransport(start: start) }
        let command = AttemptOrder.shell("id -u; echo \"$HOME $USER $LOGNAME\"", step: "command")
        let step = AttemptOrder.of(StepWork(node: "who", binary: Self.binary, inputs: []), step: "who")
        let other = try await start(Launch(program: .path("/bin/sleep"), arguments: ["sleep", "600"]))
        defer { other.kill() }
        try await test.with { pool async throws in
            // Root may have any number; whom it becomes has one already.
            try await withSoftLimit(__RLIMIT_NPROC, 0) { () async throws in
                #expect(await confinement.fault()?.contains("Resource temporarily unavailable") == true)
                let hasty = LocalTransport(start: start, patience: 0)
                let error = await transportError { _ = try await hasty.open("id -u") }
                #expect(error?.message.contains("Resource temporarily unavailable") == true, "\(String(describing: error))")
                for order in [command, step] { pool.dispatch(order) }
                for order in [command, step] {
                    #expect(try await comesTrue { test.reports.events(of: order.id).contains { if case .unreachable = $0 { true } else { false } } })
                    #expect(test.reports.result(of: order.id) == nil)
                }
            }
            #expect(try await test.result(of: command.id).output?["stdout"] == .string("60123\n\(folder.file("its-home")) stranger stranger"))
            #expect(try await test.result(of: step.id).output == ["60123", .string(folder.file("its-home")), "stranger", "stranger"])
            #expect(test.reports.events(of: command.id).contains(.reachable))
        }
    }

    @Test func `a confinement that fails for the moment is not left out`() async throws {
        let (folder, home, _) = try home()
        let told = Mutex<[String]>([])
        let start = ConfinedStart(LaunchConfinement(hidden: [home, folder.file("none")])) { reason in told.withLock { $0.append(reason) } }
        let error = await transportError { _ = try await LocalTransport(start: start).open("cat \(home)/secret.key") }
        #expect(error?.message.contains("hiding the engine's files from it failed: No such file or directory") == true)
        #expect(told.withLock { $0 } == [])
    }

    @Test func `where the machine cannot do it a program starts without, said once; never where an account was asked for`() async throws {
        let (folder, home, _) = try home()
        var ends: [Int32] = [-1, -1]
        #expect(flow_pipe(&ends) == 0)
        defer { for end in ends { close(end) } }
        // What the kernel keeps from being mounted anywhere: EINVAL, as from a kernel that has no such mounts.
        var wanted = LaunchConfinement(hidden: [home], kept: "/proc/self/fd/\(ends[0])")
        let told = Mutex<[String]>([])
        let start = ConfinedStart(wanted) { reason in told.withLock { $0.append(reason) } }
        for _ in 0..<2 {
            let channel = try await LocalTransport(start: start).open("cat \(home)/secret.key")
            #expect(try await channel.collect().text == "key")
            channel.close()
        }
        #expect(told.withLock { $0.count } == 1)
        #expect(told.withLock { $0.first }?.contains("hiding the engine's files from it failed: Invalid argument") == true)
        wanted.account = .init(user: 60_123, group: 60_123, name: "stranger", home: "/")
        let strict = LocalTransport(start: ConfinedStart(wanted))
        let error = await transportError { _ = try await strict.open("true") }
        #expect(error?.message.contains("hiding the engine's files from it failed: Invalid argument") == true)
        withExtendedLifetime(folder) {}
    }

    @Test func `a copy takes no file that only the engine or its groups may read`() async throws {
        let folder = try TestFolder()
        let test = try PoolUnderTest(folder: folder, confinement: try stranger(folder)) { _ in LocalTransport() }
        let files = try [("owner", 0o600), ("group", 0o640), ("all", 0o644)].map { name, mode in
            let path = try folder.write(name, name)
            chmod(path, mode_t(mode))
            return path
        }
        try await test.with { pool async throws in
            for (number, path) in files.dropLast().enumerated() {
                let work = CopyWork(from: path, to: folder.file("stolen"))
                let result = try await test.carryOut(.of(work, step: "take-\(number)"), on: pool)
                #expect(result.failure?.message.contains("could not be opened: Permission denied") == true, "\(result)")
            }
            _ = try await test.carryOut(.of(CopyWork(from: files[2], to: folder.file("copied")), step: "all"), on: pool)
        }
        #expect(folder.read("stolen") == nil)
        #expect(folder.read("copied") == "all")
        // And the threads that read are the engine's again.
        #expect(try await runHere("cat \(files[0])").text == "owner")
    }

    @Test func `a copy takes no file of the engine's, by whatever path`() async throws {
        let test = try PoolUnderTest(folder: try TestFolder())
        let key = try test.folder.write("home/secret.key", "key")
        let link = test.folder.file("link")
        try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: key)
        let allowed = try test.folder.write("package", "bytes")
        try await test.with { pool async throws in
            for (number, path) in [key, link, "\(test.home)/../home/secret.key"].enumerated() {
                let work = CopyWork(from: path, to: test.folder.file("stolen"))
                let result = try await test.carryOut(.of(work, step: "take-\(number)"), on: pool)
                #expect(result.failure?.message.contains("one of the engine's own files") == true, "\(result)")
            }
            let work = CopyWork(from: allowed, to: test.folder.file("copied"))
            _ = try await test.carryOut(.of(work, step: "take"), on: pool)
        }
        #expect(test.folder.read("copied") == "bytes")
        #expect(test.folder.read("stolen") == nil)
    }
}
