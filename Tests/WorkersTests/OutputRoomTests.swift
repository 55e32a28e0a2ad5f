import FlowModel
import Foundation
import Glibc
import Testing
import Workers

/// Output that cannot be kept: on the engine's disk it waits for room, and what a host itself could not keep is no value.
@Suite("Room for output", .timeLimit(.minutes(2)))
struct OutputRoomTests {
    let folder: TestFolder

    init() throws { folder = try TestFolder() }

    /// A disk of 64 KiB in the test's folder.
    private struct Disk {
        let path: String

        init(_ path: String, inodes: Int = 100) throws {
            self.path = path
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
            try #require(mount("none", path, "tmpfs", 0, "size=64k,mode=700,nr_inodes=\(inodes)") == 0)
        }

        /// Takes all room but so many pages.
        func fill(but pages: Int = 0) throws {
            let file = open("\(path)/filler", O_WRONLY | O_CREAT | O_CLOEXEC, 0o600)
            try #require(file >= 0)
            defer { close(file) }
            let page = [UInt8](repeating: 7, count: 4_096)
            while write(file, page, page.count) > 0 {}
            var status = stat()
            try #require(fstat(file, &status) == 0 && ftruncate(file, status.st_size - pages * page.count) == 0)
        }

        func makeRoom() { unlink("\(path)/filler") }
        func unmount() { umount2(path, CInt(MNT_DETACH)) }
    }

    private static let obstacle: Comment = "mounting a small disk needs root"

    private func hasEnded(on spool: String = "spool") throws -> Bool {
        guard FileManager.default.fileExists(atPath: folder.file(spool)) else { return false }
        return try FileManager.default.subpathsOfDirectory(atPath: folder.file(spool)).contains { $0.hasSuffix("/ended") }
    }

    private func remove(_ name: String) throws {
        for path in try FileManager.default.subpathsOfDirectory(atPath: folder.file("spool")) where path.hasSuffix("/" + name) {
            try FileManager.default.removeItem(atPath: folder.file("spool/" + path))
        }
    }

    @Test(.enabled(if: Machine.isRoot, obstacle), arguments: [0, 1])
    func `what a step wrote waits for room, and is then whole`(freePages: Int) async throws {
        let disk = try Disk(folder.file("output"))
        defer { disk.unmount() }
        let test = try PoolUnderTest(folder: folder)
        let secret = "correct horse battery"
        let text = (0..<400).map { "line \($0) of what it says" }.joined(separator: "\n")
        let order = AttemptOrder.shell("printf '%s\\n' \"$1\" \"it is $2.\"; echo trouble >&2", step: "ask") {
            $0.arguments = [text, SealedText.marker(String(secret.reversed()))]
        }
        try await test.with { pool async throws in
            try disk.fill(but: freePages)
            pool.dispatch(order)
            #expect(try await comesTrue { try hasEnded() })
            #expect(test.reports.result(of: order.id) == nil, "its end is not told before its output is kept")
            #expect(try await comesTrue { pool.roomFaults.map(\.id) == [order.id] }, "whoever looks is told")
            disk.makeRoom()
            let result = try await test.result(of: order.id)
            #expect(pool.roomFaults.isEmpty)
            let expected = text + "\nit is " + String(repeating: "*", count: secret.utf8.count) + "."
            #expect(result.output?["stdout"] == .string(expected), "\(result)")
            #expect(!result.truncated && result.outputBytes == expected.utf8.count + 1 + "trouble\n".utf8.count)
            #expect(try await test.output(order.id) == expected + "\n")
            #expect(try await test.output(order.id, .stderr) == "trouble\n")
        }
    }

    @Test(.enabled(if: Machine.isRoot, obstacle), arguments: 2...4)
    func `a disk without room for a directory or a file of output is waited for like any other`(inodes: Int) async throws {
        // One is the disk's own, and one is the filler's; a step's output takes three.
        let disk = try Disk(folder.file("output"), inodes: inodes)
        defer { disk.unmount() }
        let test = try PoolUnderTest(folder: folder)
        let order = AttemptOrder.shell("echo primary", step: "ask")
        try await test.with { pool async throws in
            try disk.fill()
            pool.dispatch(order)
            #expect(try await comesTrue { try hasEnded() })
            #expect(test.reports.result(of: order.id) == nil)
            try #require(mount("none", disk.path, nil, UInt(MS_REMOUNT), "size=64k,nr_inodes=100") == 0)
            disk.makeRoom()
            let result = try await test.result(of: order.id)
            #expect(result.output?["stdout"] == "primary" && !result.truncated, "\(result)")
        }
    }

    @Test(.enabled(if: Machine.isRoot, obstacle))
    func `an engine that ends while it waits leaves the output on the host, and the next one takes it`() async throws {
        let disk = try Disk(folder.file("output"))
        defer { disk.unmount() }
        let order = AttemptOrder.shell("echo primary", step: "ask")
        let first = try PoolUnderTest(folder: folder)
        try await first.crash { pool async throws in
            try disk.fill()
            pool.dispatch(order)
            #expect(try await comesTrue { try hasEnded() })
        }
        #expect(first.reports.result(of: order.id) == nil)
        guard case .placed(let place) = first.reports.events(of: order.id).first else { throw CancellationError() }
        disk.makeRoom()
        let second = try PoolUnderTest(folder: folder)
        try await second.with { pool async throws in
            let again = order.attached(at: place)
            #expect(try await second.carryOut(again, on: pool).output?["stdout"] == "primary")
        }
    }

    @Test(.enabled(if: Machine.isRoot, obstacle))
    func `output that its host had no room for is no value`() async throws {
        let disk = try Disk(folder.file("spool"))
        defer { disk.unmount() }
        let test = try PoolUnderTest(folder: folder)
        // Fills its host's disk, writes, and makes room when that has failed.
        let script = """
            dd if=/dev/zero of="$1/filler" bs=4k 2>/dev/null || :
            echo primary
            until [ -e "${FLOW_OUTPUT%/*}/out.more" ]; do sleep 0.02; done
            rm "$1/filler"
            """
        try await test.with { pool async throws in
            let result = try await test.carryOut(.shell(script, step: "ask") { $0.arguments = [disk.path] }, on: pool)
            let output = try #require(result.output, "\(result)")
            #expect(output["exitStatus"] == 0)
            #expect(output["stdout"] == nil, "\(output)")
            #expect(output["stdoutLost"]?.stringValue?.contains("kept 0 of") == true, "\(output)")
            #expect(result.truncated)
        }
    }

    @Test func `output that was taken away from its host is no value`() async throws {
        let first = try PoolUnderTest(folder: folder)
        let order = AttemptOrder.shell("while [ ! -e \"$1\" ]; do sleep 0.02; done; echo primary", step: "ask") { $0.arguments = [folder.file("go")] }
        try await first.crash { pool async throws in
            pool.dispatch(order)
            #expect(try await comesTrue { first.reports.events(of: order.id).contains { if case .started = $0 { true } else { false } } })
        }
        guard case .placed(let place) = first.reports.events(of: order.id).first else { throw CancellationError() }
        _ = try folder.write("go", "")
        #expect(try await comesTrue { try hasEnded() })
        try remove("stdout")
        let second = try PoolUnderTest(folder: folder)
        try await second.with { pool async throws in
            let again = order.attached(at: place)
            let output = try #require(try await second.carryOut(again, on: pool).output)
            #expect(output["stdout"] == nil)
            #expect(output["stdoutLost"]?.stringValue?.contains("kept 0 of 8 bytes") == true, "\(output)")
        }
    }
}
