import FlowModel
import FlowTestKit
import Foundation
import Testing
import Workers

/// Far more output than is kept, without a newline, not UTF-8, with NUL and escape sequences. In processes of their own, since it is
/// their memory that is looked at.
///
///     FLOW_FLOOD_BYTES=2000000000 swift test --filter OutputFloodTests
@Suite("Output floods", .timeLimit(.minutes(10)))
struct OutputFloodTests {
    @Test func `a flood here is bounded, noted, and takes no memory`() async throws {
        let result = try await #require(processExitsWith: .success, observing: [\.standardOutputContent]) {
            try await Flood.check(LocalTransport(), name: "here")
        }
        Flood.show(result.standardOutputContent)
    }

    @Test(.enabled(if: needsLab == nil, "needs root and sshd"))
    func `a flood over SSH is bounded, noted, and takes no memory`() async throws {
        let result = try await #require(processExitsWith: .success, observing: [\.standardOutputContent]) {
            try await withLab { lab, pool in
                try await Flood.check(pool.transport(to: lab.hosts[0].host), name: "over SSH")
            }
        }
        Flood.show(result.standardOutputContent)
    }
}

private enum Flood {
    static let bytes = ProcessInfo.processInfo.environment["FLOW_FLOOD_BYTES"].flatMap { Int($0) } ?? 200_000_000

    /// Lines that are none: bytes that no character begins with, NUL, and what turns a terminal red.
    static let script = """
        printf '\\033[31m\\233\\377\\000'
        head -c \(bytes / 2) /dev/zero
        head -c \(bytes / 2) /dev/zero | tr '\\000' '\\377'
        printf '\\033[0mend' >&2
        """

    static func check(_ transport: any Transport, name: String) async throws {
        let test = try PoolUnderTest(folder: try TestFolder(), transport: transport)
        try await test.with { pool async throws in
            // Everything that is made once is made before the first look.
            _ = try await test.carryOut(.shell("echo warm", step: "warm"), on: pool)
            let before = memory("VmRSS")
            let order = AttemptOrder.shell(script, step: "flood")
            let result = try await test.carryOut(order, on: pool, within: 500)
            let peak = memory("VmHWM")
            print("\(bytes) bytes \(name): \(before) kB before, \(peak) kB at most")
            try await check(result, test)
            #expect(peak - before < 32_768, "it took \(peak - before) kB")
        }
    }

    private static func check(_ result: AttemptResult, _ test: PoolUnderTest) async throws {
        let stored = try await test.outputs.size(PoolUnderTest.run, StepPath("flood"), attempt: 1, stream: .stdout)
        #expect(stored == Limits.capturedOutputBytes)
        #expect(result.truncated)
        // What a full pipe held when the file was full is not counted.
        #expect((bytes - (1 << 20)...bytes + 64).contains(result.outputBytes), "\(result.outputBytes)")
        let output = try #require(result.output, "\(result)")
        #expect(output["stdoutTruncated"] == true)
        #expect(output["stdout"] == nil)
        #expect(output["stdoutFault"]?.stringValue?.contains("is not UTF-8") == true)
        #expect(result.lastLine == "end")
    }

    /// The figures of the process in which it was looked at.
    static func show(_ output: [UInt8]) {
        for line in String(decoding: output, as: UTF8.self).split(separator: "\n") where line.contains(" kB at most") { print(line) }
    }

    /// Kilobytes of this process.
    private static func memory(_ field: String) -> Int {
        let status = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)) ?? ""
        let line = status.split(separator: "\n").first { $0.hasPrefix(field + ":") }
        return line?.split(whereSeparator: { !$0.isNumber }).first.flatMap { Int($0) } ?? 0
    }
}
