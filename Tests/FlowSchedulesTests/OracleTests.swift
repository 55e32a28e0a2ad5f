import FlowTestKit
import Foundation
import Testing

/// The oracle is a program of its own: it sets the C library's time zone, which belongs to a whole process.
@Suite(.timeLimit(.minutes(10))) struct OracleTests {
    /// `make cron` takes every pair of change and expression; this is the share that fits into `make test`.
    private static let share = "4"

    private func oracle(_ arguments: String...) async throws -> (status: Int32?, output: String) {
        let beside = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent()
        let program = try Program(beside.appending(path: "cron-oracle").path, arguments, environment: [:], in: "/")
        await program.ended()
        print(program.output)
        return (program.status, program.output)
    }

    @Test func `Every change of every time zone gives what the C library's clock shows, minute by minute`() async throws {
        let result = try await oracle("--every", OracleTests.share)
        #expect(result.status == 0)
        #expect(result.output.contains("differences 0,"))
    }

    @Test func `Years that only a zone's closing rule covers agree too`() async throws {
        let result = try await oracle("--from", "2038", "--to", "2041", "--every", "20", "--seed", "2")
        #expect(result.status == 0)
    }

    @Test func `A search that is one minute off does not pass`() async throws {
        let result = try await oracle("--break", "--every", "500")
        #expect(result.status == 1)
    }
}
