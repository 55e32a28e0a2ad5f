import FlowModel
import Foundation
import Glibc
import Testing
import Workers

/// Files that are none, or say of themselves what is not so: refused in words, at once.
@Suite("Odd files", .timeLimit(.minutes(1)))
struct OddFileTests {
    let folder: TestFolder

    init() throws { folder = try TestFolder() }

    @Test(.enabled(if: access("/proc/version", R_OK) == 0, "needs /proc"))
    func `a file that says it is empty, and is not, is not copied as an empty one`() async throws {
        let test = try PoolUnderTest(folder: folder)
        try await test.with { pool async throws in
            let goal = folder.file("goal")
            let result = try await test.carryOut(.of(CopyWork(from: "/proc/version", to: goal, mode: nil), step: "proc"), on: pool)
            #expect(result.failure?.cause == .input, "\(result)")
            #expect(result.failure?.message.contains("as files of /proc have") == true, "\(result)")
            #expect(!FileManager.default.fileExists(atPath: goal))
        }
    }

    @Test func `captured output that somebody replaced by a pipe is not waited for`() async throws {
        let test = try PoolUnderTest(folder: folder)
        try await test.with { pool async throws in
            let order = AttemptOrder.shell("echo hello", step: "talks")
            _ = try await test.carryOut(order, on: pool)
            let all = FileManager.default.enumerator(atPath: folder.file("output"))?.compactMap { $0 as? String } ?? []
            let file = try #require(
                all.map { folder.file("output/\($0)") }.first { FileManager.default.contents(atPath: $0) == Data("hello\n".utf8) })
            unlink(file)
            try #require(mkfifo(file, 0o600) == 0)
            await #expect { try await test.output(order.id) } throws: { "\($0)".contains("it is a pipe, not a file") }
        }
    }
}
