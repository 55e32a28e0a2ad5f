import FlowModel
import Foundation
import Glibc
import Testing
import Workers

/// What arrives of files that are odd, and where nothing can be replaced.
@Suite("Copies", .timeLimit(.minutes(1)))
struct CopyTests {
    let folder: TestFolder

    init() throws { folder = try TestFolder() }

    private func source(_ name: String, _ text: String, _ mode: mode_t) throws -> String {
        let path = try folder.write(name, text)
        try #require(chmod(path, mode) == 0)
        return path
    }

    private func mode(_ path: String) throws -> Int? { try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int }
    private func copy(_ from: String, _ to: String, _ step: String, mode: String? = nil) -> AttemptOrder {
        .of(.copy(CopyWork(from: from, to: to, mode: mode)), step: step)
    }

    @Test func `an empty file arrives, and replaces one that is not empty`() async throws {
        let test = try PoolUnderTest(folder: folder)
        let empty = try source("empty", "", 0o644)
        try await test.with { pool async throws in
            for (number, before) in [String?.none, "something"].enumerated() {
                let goal = folder.file("goal-\(number)")
                if let before { _ = try folder.write("goal-\(number)", before) }
                let result = try await test.carryOut(copy(empty, goal, "c\(number)"), on: pool)
                #expect(result.output?["changed"] == true && result.output?["bytes"] == 0, "\(result)")
                #expect(FileManager.default.contents(atPath: goal)?.isEmpty == true)
                #expect(try await test.carryOut(copy(empty, goal, "d\(number)"), on: pool).output?["changed"] == false)
            }
        }
    }

    @Test(arguments: [0o600, 0o755, 0o644, 0o440] as [mode_t])
    func `the mode is that of the source unless it is given`(_ sourceMode: mode_t) async throws {
        let test = try PoolUnderTest(folder: folder)
        let file = try source("source", "#!/bin/sh\n", sourceMode)
        try await test.with { pool async throws in
            let fresh = folder.file("fresh")
            #expect(try await test.carryOut(copy(file, fresh, "a"), on: pool).output?["changed"] == true)
            #expect(try mode(fresh) == Int(sourceMode))
            // The same bytes with another mode are another file.
            let other = folder.file("other")
            _ = try folder.write("other", "#!/bin/sh\n")
            chmod(other, 0o666)
            #expect(try await test.carryOut(copy(file, other, "b"), on: pool).output?["changed"] == true)
            #expect(try mode(other) == Int(sourceMode))
            #expect(try await test.carryOut(copy(file, other, "c", mode: "0604"), on: pool).output?["changed"] == true)
            #expect(try mode(other) == 0o604)
        }
    }

    @Test func `a relative source is refused before anything is sent, and names its host`() async throws {
        let test = try PoolUnderTest(folder: folder)
        try await test.with { pool async throws in
            let order = copy("relative/file", folder.file("goal"), "a")
            let result = try await test.carryOut(order, on: pool)
            #expect(result.failure?.cause == .input && result.failure?.message.contains("not the absolute path") == true, "\(result)")
            #expect(test.reports.events(of: order.id).count == 1)
        }
    }

    @Test(.enabled(if: Machine.isRoot, "mounting a file needs root"))
    func `a file that is a mount point is written over in its place`() async throws {
        let test = try PoolUnderTest(folder: folder)
        let file = try source("source", "new content", 0o640)
        let (behind, goal) = (try folder.write("behind", "the old content, which is longer"), try folder.write("a goal", ""))
        try #require(mount(behind, goal, nil, UInt(MS_BIND), nil) == 0)
        defer { umount2(goal, CInt(MNT_DETACH)) }
        try await test.with { pool async throws in
            let result = try await test.carryOut(copy(file, goal, "a"), on: pool)
            #expect(result.output?["changed"] == true, "\(result)")
            #expect(folder.read("behind") == "new content")
            #expect(try mode(behind) == 0o640)
            #expect(try await test.carryOut(copy(file, goal, "b"), on: pool).output?["changed"] == false)
            let left = try FileManager.default.contentsOfDirectory(atPath: folder.path).filter { $0.hasPrefix(".flow") }
            #expect(left == [])
        }
    }

    @Test(.enabled(if: Machine.isRoot, "mounting needs root"))
    func `what cannot be written over keeps what it had`() async throws {
        let test = try PoolUnderTest(folder: folder)
        let disk = folder.file("disk")
        try FileManager.default.createDirectory(atPath: disk, withIntermediateDirectories: true)
        try #require(mount("none", disk, "tmpfs", 0, "size=64k") == 0)
        defer { umount2(disk, CInt(MNT_DETACH)) }
        try "kept".write(toFile: disk + "/behind", atomically: false, encoding: .utf8)
        let big = try source("source", String(repeating: "x", count: 200_000), 0o644)
        let goal = try folder.write("goal", "")
        try #require(mount(disk + "/behind", goal, nil, UInt(MS_BIND), nil) == 0)
        defer { umount2(goal, CInt(MNT_DETACH)) }
        try await test.with { pool async throws in
            let result = try await test.carryOut(copy(big, goal, "a"), on: pool)
            #expect(result.lastLine?.contains("mount point, and cannot be written over") == true, "\(result)")
            #expect(folder.read("goal") == "kept")
        }
    }

    @Test(.enabled(if: Machine.isRoot && Machine.has("sudo"), "another account needs root and sudo"))
    func `an empty script runs as another account, too`() async throws {
        let test = try PoolUnderTest(folder: folder)
        try #require(chmod(folder.path, 0o755) == 0)
        try await test.with(blobs: { _ in [] }) { pool async throws in
            var work = ShellWork(interpreter: .sh, source: .asset(FlowModel.Digest(bytes: [UInt8](repeating: 1, count: 32))))
            work.account = "nobody"
            #expect(try await test.carryOut(.of(.shell(work), step: "empty"), on: pool).output?["exitStatus"] == 0)
        }
    }
}
