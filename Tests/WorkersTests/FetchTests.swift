import FlowCrypto
import FlowModel
import Foundation
import Glibc
import Synchronization
import Testing
import Workers

/// Files of hosts on their way into artifacts.
@Suite("Fetches", .timeLimit(.minutes(2)))
struct FetchTests {
    let folder: TestFolder

    init() throws { folder = try TestFolder() }

    private func fetch(
        _ path: String, _ step: String = "fetch", timeout: Double? = nil, _ change: (inout FetchWork) -> Void = { _ in }
    ) -> AttemptOrder {
        var work = FetchWork(path: path)
        change(&work)
        return .of(work, step: step, timeout: timeout)
    }

    private func bytes(_ count: Int) -> [UInt8] {
        var generator = SystemRandomNumberGenerator()
        return (0..<count).map { _ in UInt8.random(in: 0...255, using: &generator) }
    }

    private func source(_ name: String, _ bytes: [UInt8]) throws -> String {
        let path = folder.file(name)
        try #require(FileManager.default.createFile(atPath: path, contents: Data(bytes)))
        return path
    }

    private func artifact(_ result: AttemptResult) throws -> Artifact {
        try #require(result.output.flatMap { Artifact(output: $0) }, "\(result)")
    }

    /// What is left here of files on their way.
    private func incoming(_ test: PoolUnderTest) -> [String] { (try? FileManager.default.contentsOfDirectory(atPath: test.home + "/fetches")) ?? [] }

    @Test(arguments: [0, 1, 65_536, 3_000_000])
    func `a file arrives byte for byte, whatever is in it`(size: Int) async throws {
        let test = try PoolUnderTest(folder: folder)
        let content = bytes(size)
        let path = try source("a file\u{201C}'$(x)", content)
        try await test.with { pool async throws in
            let result = try await test.carryOut(fetch(path), on: pool)
            let artifact = try artifact(result)
            #expect(artifact == Artifact(name: "a file\u{201C}'$(x)", digest: Digest(of: content), bytes: size))
            #expect(try await test.artifacts.read(artifact.digest) == content)
            #expect(result.outputBytes == 0 && !result.truncated)
            #expect(incoming(test).isEmpty)
        }
    }

    @Test func `a later copy takes it, and the file is nobody else's`() async throws {
        let test = try PoolUnderTest(folder: folder)
        let content = bytes(10_000)
        let path = try source("in", content)
        let goal = folder.file("out")
        try await test.with { pool async throws in
            let output = try #require(try await test.carryOut(fetch(path), on: pool).output)
            let file = try #require(output["file"]?.stringValue)
            let copied = try await test.carryOut(.of(CopyWork(from: file, to: goal), step: "copy"), on: pool)
            #expect(copied.output?["sha256"] == output["sha256"])
            #expect(FileManager.default.contents(atPath: goal) == Data(content))
            #expect(try FileManager.default.attributesOfItem(atPath: goal)[.posixPermissions] as? Int == 0o600)
        }
    }

    @Test(arguments: [
        ("artifact:", "names no artifact"), ("artifact:../../etc/passwd", "names no artifact"),
        ("artifact:" + String(repeating: "0", count: 64), "is not kept here"),
    ])
    func `what is no artifact is not copied`(file: String, why: String) async throws {
        let test = try PoolUnderTest(folder: folder)
        try await test.with { pool async throws in
            let result = try await test.carryOut(.of(CopyWork(from: file, to: folder.file("out")), step: "copy"), on: pool)
            #expect(result.failure?.cause == .input && result.failure?.message.contains(why) == true, "\(result)")
        }
    }

    @Test func `a file too large to be copied is not read into memory`() async throws {
        let test = try PoolUnderTest(folder: folder)
        let digest = Digest(of: Array("large".utf8))
        try FileManager.default.createDirectory(atPath: test.artifacts.folder, withIntermediateDirectories: true)
        try #require(FileManager.default.createFile(atPath: "\(test.artifacts.folder)/\(digest.hex)", contents: nil))
        try #require(truncate("\(test.artifacts.folder)/\(digest.hex)", off_t(Limits.copyBytes + 1)) == 0)
        try await test.with { pool async throws in
            let result = try await test.carryOut(.of(CopyWork(from: "artifact:\(digest.hex)", to: folder.file("out")), step: "copy"), on: pool)
            #expect(result.failure?.message.contains("at most \(Limits.copyBytes) are copied") == true, "\(result)")
        }
    }

    @Test func `what is no file that can be read is said, with why`() async throws {
        let test = try PoolUnderTest(folder: folder)
        mkdir(folder.file("directory"), 0o755)
        mkfifo(folder.file("pipe"), 0o644)
        symlink("nowhere", folder.file("broken"))
        _ = try source("long", bytes(101))
        let cases = [
            ("absent", "it is not there"), ("directory", "it is a directory"), ("pipe", "it is not a plain file"),
            ("broken", "its link leads nowhere"), ("long", "it has 101 bytes; at most 100 are fetched (maxBytes:)"),
        ]
        try await test.with { pool async throws in
            for (name, why) in cases {
                let result = try await test.carryOut(fetch(folder.file(name), name) { $0.maxBytes = 100 }, on: pool)
                #expect(result.failure?.cause == .exitStatus && result.failure?.message.contains("\(folder.file(name)): \(why)") == true, "\(result)")
            }
            for (path, artifact) in [("etc/passwd", nil), ("/etc/", nil), ("/etc/passwd", "a/b"), ("/etc/passwd", ".."), ("/etc/pass\nwd", nil)] {
                let result = try await test.carryOut(fetch(path, "bad \(path) \(artifact ?? "")") { $0.artifact = artifact }, on: pool)
                #expect(result.failure?.cause == .input, "\(path): \(result)")
            }
        }
        #expect(incoming(test).isEmpty)
    }

    @Test func `a file that grows while it is read is fetched as it was, or refused`() async throws {
        let test = try PoolUnderTest(folder: folder)
        let path = folder.file("growing.log")
        try await test.with { pool async throws in
            // Without an end it is longer than anything.
            let result = try await test.carryOut(fetch("/proc/self/mountinfo") { $0.artifact = "mounts" }, on: pool)
            #expect(try artifact(result).bytes > 0, "files of /proc say that they are empty, and are not")
            let script = """
                i=0; while [ $i -lt 2000 ]; do echo "line $i"; i=$((i + 1)); done >'\(path)'
                (while :; do echo more; done >>'\(path)') & sleep 0.2; kill $!
                """
            let writer = try await test.carryOut(.shell(script, step: "w"), on: pool)
            #expect(writer.output != nil)
            let artifact = try artifact(try await test.carryOut(fetch(path, "log"), on: pool))
            let kept = try await test.artifacts.read(artifact.digest)
            #expect(kept.starts(with: Array("line 0\nline 1\n".utf8)) && kept.count == artifact.bytes)
        }
    }

    @Test(.enabled(if: Machine.isRoot && Machine.has("sudo"), "another account needs root and sudo"))
    func `it is read as the account says`() async throws {
        let test = try PoolUnderTest(folder: folder)
        let path = try source("mine", bytes(10))
        chmod(path, 0o600)
        let open = try source("everybody's", bytes(20))
        chmod(open, 0o644)
        chmod(folder.path, 0o755)
        try await test.with { pool async throws in
            let refused = try await test.carryOut(fetch(path, "a") { $0.account = "nobody" }, on: pool)
            #expect(refused.failure?.message.contains("it may not be read") == true, "\(refused)")
            #expect(try artifact(try await test.carryOut(fetch(open, "b") { $0.account = "nobody" }, on: pool)).bytes == 20)
        }
    }

    @Test func `no room for the artifact is waited for`() async throws {
        let test = try PoolUnderTest(folder: folder)
        let content = bytes(1_000)
        let path = try source("in", content)
        test.artifacts.fail(with: [FlowError(.storage, subject: "blobs", "no room"), FlowError(.storage, subject: "blobs", "no room")])
        try await test.with { pool async throws in
            #expect(try artifact(try await test.carryOut(fetch(path), on: pool)).digest == Digest(of: content))
        }
    }

    @Test func `what cannot be kept for another reason is lost, so that it is done again`() async throws {
        let test = try PoolUnderTest(folder: folder)
        let path = try source("in", bytes(10))
        test.artifacts.fail(with: [FlowError(.database, subject: "blobs", "the database is damaged")])
        try await test.with { pool async throws in
            let result = try await test.carryOut(fetch(path), on: pool)
            guard case .lost(let reason) = result.outcome else {
                Issue.record("\(result)")
                return
            }
            #expect(reason.contains("the database is damaged"))
        }
    }

    @Test func `a secret in what is said of it is masked, and the file is as it is`() async throws {
        let test = try PoolUnderTest(folder: folder)
        let secret = "correct-horse-battery"
        let path = try source(secret, Array("the word is \(secret)".utf8))
        try await test.with { pool async throws in
            let marked = folder.path + "/" + SealedText.marker(String(secret.reversed()))
            let absent = try await test.carryOut(fetch(marked + "x", "absent"), on: pool)
            #expect(absent.failure?.message.contains(secret) == false, "\(absent)")
            let result = try await test.carryOut(fetch(marked) { $0.artifact = "plain" }, on: pool)
            #expect(try await test.artifacts.read(try artifact(result).digest) == Array("the word is \(secret)".utf8))
            _ = path
        }
    }

    // MARK: - Ends in the middle

    @Test(arguments: [0, 1_000_000, 1_999_999])
    func `the next engine takes up what has come, and a file that has changed meanwhile comes as it was`(received: Int) async throws {
        let content = bytes(2_000_000)
        let path = try source("in", content)
        let test = try PoolUnderTest(folder: folder, transports: { _ in CutTransport(after: received) })
        let order = fetch(path)
        let place = Mutex<Place?>(nil)
        try await test.crash { pool in
            pool.dispatch(order)
            let isCut = try await comesTrue {
                for case .unreachable in test.reports.events(of: order.id) { return true }
                return false
            }
            #expect(isCut)
            for case .placed(let found) in test.reports.events(of: order.id) { place.withLock { $0 = found } }
        }
        let held = try incoming(test).map { try FileManager.default.attributesOfItem(atPath: "\(test.home)/fetches/\($0)")[.size] as? Int ?? 0 }
        #expect(held.reduce(0, +) <= received)
        if received == 1_000_000 { #expect(held.reduce(0, +) > 0, "what has come is kept") }
        try Data(bytes(50)).write(to: URL(fileURLWithPath: path))
        let next = try PoolUnderTest(folder: folder)
        let at = try #require(place.withLock { $0 })
        try await next.with { pool async throws in
            let artifact = try artifact(try await next.carryOut(order.attached(at: at), on: pool))
            #expect(artifact.digest == Digest(of: content))
            #expect(try await next.artifacts.read(artifact.digest) == content)
        }
        #expect(incoming(next).isEmpty)
    }

    @Test func `what stands here from before a start of the machine is not believed`() async throws {
        let test = try PoolUnderTest(folder: folder)
        let content = bytes(100_000)
        let path = try source("in", content)
        let order = fetch(path)
        let boot = try String(contentsOfFile: "/proc/sys/kernel/random/boot_id", encoding: .utf8).trimmingCharacters(in: .whitespacesAndNewlines)
        let step = Digest(of: Array("\(order.id.run)/\(order.id.step)".utf8)).hex
        mkdir(test.home + "/fetches", 0o700)
        let other = "\(test.home)/fetches/\(step).1.00000000-0000-0000-0000-000000000000"
        try #require(FileManager.default.createFile(atPath: other, contents: Data(count: 60_000)))
        try await test.with { pool async throws in
            #expect(try artifact(try await test.carryOut(order, on: pool)).digest == Digest(of: content))
        }
        #expect(!FileManager.default.fileExists(atPath: other))
        // The same of this boot, with other bytes: seen by the digest, and not kept.
        let damaged = "\(test.home)/fetches/\(step).2.\(boot)"
        try #require(FileManager.default.createFile(atPath: damaged, contents: Data(count: 60_000)))
        var second = order
        second.id.number = 2
        second.fence = Fence(epoch: 1, attempt: 2)
        try await test.with { pool async throws in
            let result = try await test.carryOut(second, on: pool)
            guard case .lost(let reason) = result.outcome else {
                Issue.record("\(result)")
                return
            }
            #expect(reason.contains("other bytes arrived"))
        }
        #expect(incoming(test).isEmpty)
    }
}

/// This machine, over connections that are cut after so many bytes, all together.
private struct CutTransport: Transport {
    private final class Budget: Sendable { let left: Mutex<Int>; init(_ bytes: Int) { left = Mutex(bytes) } }

    private let budget: Budget
    private let local = LocalTransport()

    init(after bytes: Int) { budget = Budget(bytes) }

    func open(_ command: String) async throws -> any TransportChannel { Channel(inner: try await local.open(command), budget: budget) }

    private struct Channel: TransportChannel {
        let inner: any TransportChannel
        let budget: Budget

        func write(_ bytes: [UInt8]) async throws { try await inner.write(bytes) }
        func finishInput() async throws { try await inner.finishInput() }
        func close() { inner.close() }

        func next() async throws -> TransportEvent? {
            let event = try await inner.next()
            // What is said beside the file is short.
            if case .stdout(let bytes)? = event, bytes.count > 1_000 {
                let isOver = budget.left.withLock { left in
                    left -= bytes.count
                    return left < 0
                }
                if isOver {
                    inner.close()
                    throw TransportError(.stream, "cut", mayHaveRun: true)
                }
            }
            return event
        }
    }
}
