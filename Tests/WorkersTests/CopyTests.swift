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
        .of(CopyWork(from: from, to: to, mode: mode), step: step)
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
    func `a new file gets the mode of the source, one that is replaced keeps its own, unless one is given`(_ sourceMode: mode_t) async throws {
        let test = try PoolUnderTest(folder: folder)
        let file = try source("source", "#!/bin/sh\n", sourceMode)
        try await test.with { pool async throws in
            let fresh = folder.file("fresh")
            #expect(try await test.carryOut(copy(file, fresh, "a"), on: pool).output?["changed"] == true)
            #expect(try mode(fresh) == Int(sourceMode))
            let (same, other) = (try folder.write("same", "#!/bin/sh\n"), try folder.write("other", "secret"))
            for path in [same, other] { chmod(path, 0o620) }
            #expect(try await test.carryOut(copy(file, same, "b"), on: pool).output?["changed"] == false, "nobody asked for another mode")
            #expect(try await test.carryOut(copy(file, other, "c"), on: pool).output?["changed"] == true)
            #expect(folder.read("other") == "#!/bin/sh\n")
            for path in [same, other] { #expect(try mode(path) == 0o620) }
            // The same bytes with another mode than the one asked for are another file.
            #expect(try await test.carryOut(copy(file, other, "d", mode: "0604"), on: pool).output?["changed"] == true)
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
            chmod(behind, 0o604)
            let result = try await test.carryOut(copy(file, goal, "a"), on: pool)
            #expect(result.output?["changed"] == true, "\(result)")
            #expect(folder.read("behind") == "new content")
            #expect(try mode(behind) == 0o604)
            #expect(try await test.carryOut(copy(file, goal, "mode", mode: "0640"), on: pool).output?["changed"] == true)
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

    @Test(
        .enabled(if: Machine.isRoot && Machine.has("sudo"), "another account needs root and sudo"),
        arguments: [(0o640, 0o600), (0o4755, 0o755), (0o2750, 0o700), (0o664, 0o644)] as [(mode_t, Int)])
    func `a file whose owner cannot be kept is open to nobody who could not read it`(was: mode_t, becomes: Int) async throws {
        let test = try PoolUnderTest(folder: folder)
        let from = try source("from", "new", 0o644)
        try FileManager.default.createDirectory(atPath: folder.file("open"), withIntermediateDirectories: false)
        let goal = try folder.write("open/goal", "old")
        try #require(chmod(folder.path, 0o755) == 0 && chmod(folder.file("open"), 0o777) == 0 && chmod(goal, was) == 0)
        try await test.with { pool async throws in
            var work = CopyWork(from: from, to: goal, mode: nil)
            work.account = "nobody"
            #expect(try await test.carryOut(.of(work, step: "a"), on: pool).failure == nil)
            #expect(try mode(goal) == becomes)
            #expect(folder.read("open/goal") == "new")
        }
    }

    /// The list as the kernel has it: version 2; tag, rights and number of user::rw-, user:20014:r--, group::---, mask::r--, other::---.
    private static let accessList =
        "02000000" + "01000600ffffffff" + "020004002e4e0000" + "04000000ffffffff" + "10000400ffffffff" + "20000000ffffffff"

    private func accessList(of file: String, set list: String = "") async throws -> String {
        let script = """
            python3 - "$FILE" "$LIST" <<'EOF'
            import os, sys
            name = "system.posix_acl_access"
            if sys.argv[2]: os.setxattr(sys.argv[1], name, bytes.fromhex(sys.argv[2]))
            print(os.getxattr(sys.argv[1], name).hex() if name in os.listxattr(sys.argv[1]) else "none")
            EOF
            """
        return try await runHere(script, environment: ["FILE": file, "LIST": list]).text.filter { !$0.isWhitespace }
    }

    /// Its mode shows the mask of the list, which is no right of the group.
    @Test(arguments: [nil, "nobody"] as [String?])
    func `a file with an access control list keeps it, or its group gets nothing`(_ account: String?) async throws {
        guard account == nil || Machine.isRoot && Machine.has("sudo") else { return }
        let test = try PoolUnderTest(folder: folder)
        let from = try source("from", "new", 0o644)
        try FileManager.default.createDirectory(atPath: folder.file("open"), withIntermediateDirectories: false)
        let goal = try folder.write("open/goal", "old")
        try #require(chmod(folder.path, 0o755) == 0 && chmod(folder.file("open"), 0o777) == 0 && chmod(goal, 0o600) == 0)
        #expect(try await accessList(of: goal, set: Self.accessList) == Self.accessList)
        #expect(try mode(goal) == 0o640)
        try await test.with { pool async throws in
            var work = CopyWork(from: from, to: goal, mode: nil)
            work.account = account
            #expect(try await test.carryOut(.of(work, step: "a"), on: pool).failure == nil)
            #expect(folder.read("open/goal") == "new")
            #expect(try await accessList(of: goal) == (account == nil ? Self.accessList : "none"))
            if account != nil { #expect(try mode(goal) == 0o600) }
        }
    }

    @Test(.enabled(if: Machine.isRoot && Machine.has("sudo"), "another account needs root and sudo"))
    func `an empty script runs as another account, too`() async throws {
        let test = try PoolUnderTest(folder: folder)
        try #require(chmod(folder.path, 0o755) == 0)
        try await test.with(blobs: { _ in [] }) { pool async throws in
            var work = ShellWork(interpreter: .sh, source: .asset(Digest(bytes: [UInt8](repeating: 1, count: 32))))
            work.account = "nobody"
            #expect(try await test.carryOut(.of(work, step: "empty"), on: pool).output?["exitStatus"] == 0)
        }
    }
}
