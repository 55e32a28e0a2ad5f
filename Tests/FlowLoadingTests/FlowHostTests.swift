import FlowLoading
import FlowModel
import Foundation
import Testing

/// Speaks the frames of `FlowHost.swift` with a compiled flow.
private final class HostUnderTest {
    let process = Process()
    let requests = Pipe()
    let answers = Pipe()

    init(_ binary: String) throws {
        // The shell hands its descriptors on under the numbers that the arguments name; standard output and error stay free.
        process.executableURL = URL(fileURLWithPath: "/bin/sh")
        process.arguments = ["-c", "exec \"$0\" serve 3 4 3<&0 4>&1 </dev/null >/dev/null 2>&1", binary]
        process.standardInput = requests
        process.standardOutput = answers
        try process.run()
    }

    func send(_ request: JSON) throws {
        let body = request.canonicalBytes
        let head = (0..<4).map { UInt8(truncatingIfNeeded: body.count >> (24 - 8 * $0)) }
        try requests.fileHandleForWriting.write(contentsOf: Data(head + body))
    }

    func next() throws -> JSON? {
        guard let head = try answers.fileHandleForReading.read(upToCount: 4), head.count == 4 else { return nil }
        let length = head.reduce(0) { $0 << 8 | Int($1) }
        return try JSON.parse(Array(try answers.fileHandleForReading.read(upToCount: length) ?? Data()))
    }

    func end() throws -> Int32 {
        try requests.fileHandleForWriting.close()
        process.waitUntilExit()
        return process.terminationStatus
    }
}

@Suite("The flow host", .timeLimit(.minutes(2)))
struct FlowHostTests {
    private func host() async throws -> HostUnderTest {
        let flow = try await Shared.loader().load(file: "\(Fixtures.folder)/accepted/release.swift")
        return try HostUnderTest(try #require(flow.binary))
    }

    @Test func `a step receives its inputs, logs, and hands out its value`() async throws {
        let host = try await host()
        try host.send([
            "id": 1, "node": "report", "inputs": [["path": "/a", "sha256": "ff"], "1.2.3"], "run": "r", "step": "report",
            "attempt": 1, "generation": 1, "key": "k",
        ])
        #expect(try host.next() == ["id": 1, "log": "released 1.2.3"])
        #expect(try host.next() == ["id": 1, "output": ["digest": "ff"]])
        #expect(try host.end() == 0)
    }

    @Test func `what a step throws is its error, and the host goes on`() async throws {
        let host = try await host()
        try host.send(["id": 1, "node": "fails", "inputs": []])
        #expect(try host.next() == ["id": 1, "error": "no luck"])
        try host.send(["id": 2, "node": "nobody", "inputs": []])
        #expect(try host.next()?["error"]?.stringValue?.contains("no Swift step 'nobody'; it has: fails, report, slow") == true)
        try host.send(["id": 3, "node": "report", "inputs": [5]])
        #expect(try host.next()?["error"]?.stringValue?.contains("input 1, an Int, is not a Build") == true)
        #expect(try host.end() == 0)
    }

    @Test func `a cancelled step ends while others run`() async throws {
        let host = try await host()
        try host.send(["id": 7, "node": "slow", "inputs": [["digest": "x"]]])
        try host.send(["id": 8, "node": "slow", "inputs": [["digest": "x"]]])
        try host.send(["cancel": 7])
        #expect(try host.next()?["id"] == 7)
        try host.send(["id": 9, "node": "fails", "inputs": []])
        #expect(try host.next()?["id"] == 9)
        // The end of the requests ends the process at once, whatever runs.
        #expect(try host.end() == 0)
    }

    @Test func `what is not a request ends the host with a status of its own`() async throws {
        let host = try await host()
        try host.requests.fileHandleForWriting.write(contentsOf: Data([0, 0, 0, 1, 0x21]))
        host.process.waitUntilExit()
        #expect(host.process.terminationStatus == 64)
    }
}
