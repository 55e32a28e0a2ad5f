import CFlowShims
import FlowLoading
import FlowModel
import Foundation
import Testing

/// Speaks the frames of `FlowHost.swift` with a compiled flow.
private final class HostUnderTest {
    let process = Process()
    let news = Pipe()
    private var requests: CInt = -1
    private let folder = FileManager.default.temporaryDirectory.appending(path: "flow-host-\(UInt64.random(in: 0 ... .max))")

    init(_ binary: String) throws {
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        var ends: [CInt] = [-1, -1]
        try #require(flow_connection(&ends) == 0)
        requests = ends[0]
        let theirs = FileHandle(fileDescriptor: ends[1], closeOnDealloc: true)
        // The shell hands its descriptors on under the numbers that the arguments name; standard output and error stay free.
        process.executableURL = URL(fileURLWithPath: "/bin/sh")
        process.arguments = ["-c", "exec \"$0\" serve 3 4 3<&0 4>&1 </dev/null >/dev/null 2>&1", binary]
        process.standardInput = theirs
        process.standardOutput = news
        try process.run()
        try theirs.close()
    }

    deinit {
        if process.isRunning { process.terminate() }
        try? FileManager.default.removeItem(at: folder)
    }

    func record(_ id: Int) -> String { folder.appending(path: "\(id)").path }

    func send(bytes: [UInt8], record: Int? = nil) throws {
        var descriptor: CInt = -1
        if let record { descriptor = open(self.record(record), O_RDWR | O_CREAT, 0o600) }
        defer { if descriptor >= 0 { close(descriptor) } }
        let sent = record == nil ? write(requests, bytes, bytes.count) : flow_send(requests, bytes, bytes.count, descriptor)
        #expect(sent == bytes.count)
    }

    func send(_ request: JSON) throws {
        let body = request.canonicalBytes
        let head = (0..<4).map { UInt8(truncatingIfNeeded: body.count >> (24 - 8 * $0)) }
        try send(bytes: head + body, record: request["id"]?.intValue)
    }

    /// The whole frames of a record.
    func frames(_ id: Int) throws -> [JSON] {
        var rest = Array(FileManager.default.contents(atPath: record(id)) ?? Data())[...]
        var frames: [JSON] = []
        while rest.count >= 4 {
            let length = rest.prefix(4).reduce(0) { $0 << 8 | Int($1) }
            guard rest.count >= 4 + length else { break }
            frames.append(try JSON.parse(Array(rest.dropFirst(4).prefix(length))))
            rest = rest.dropFirst(4 + length)
        }
        return frames
    }

    /// The last frame of a record, once it tells the end.
    func end(of id: Int) async throws -> JSON? {
        for _ in 0..<6_000 {
            if let last = try frames(id).last, last["output"] != nil || last["error"] != nil { return last }
            guard process.isRunning else { return nil }
            try await Task.sleep(for: .milliseconds(5))
        }
        return nil
    }

    func hangUp() {
        close(requests)
        requests = -1
    }

    func status() -> Int32 {
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
            "id": 1, "flow": "release-web", "node": "report", "inputs": [["path": "/a", "sha256": "ff"], "1.2.3"], "run": "r", "step": "report",
            "attempt": 1, "generation": 1, "key": "k",
        ])
        #expect(try await host.end(of: 1) == ["output": ["digest": "ff"]])
        #expect(try host.frames(1).dropLast() == [["begun": true], ["log": "released 1.2.3"]])
        host.hangUp()
        #expect(host.status() == 0)
    }

    @Test func `what a step throws is its error, and the host goes on`() async throws {
        let host = try await host()
        try host.send(["id": 1, "flow": "release-web", "node": "fails", "inputs": []])
        #expect(try await host.end(of: 1) == ["error": "no luck"])
        try host.send(["id": 2, "flow": "release-web", "node": "nobody", "inputs": []])
        #expect(
            try await host.end(of: 2)?["error"]?.stringValue?.contains(
                "no Swift step 'release-web/nobody'; it has: release-web/fails, release-web/report, release-web/slow") == true)
        try host.send(["id": 3, "flow": "release-web", "node": "report", "inputs": [5]])
        #expect(try await host.end(of: 3)?["error"]?.stringValue?.contains("input 1, an Int, is not a Build") == true)
        host.hangUp()
        #expect(host.status() == 0)
    }

    @Test func `a cancelled step ends while others run, and time ends one by itself`() async throws {
        let host = try await host()
        try host.send(["id": 7, "flow": "release-web", "node": "slow", "inputs": [["digest": "x"]]])
        try host.send(["id": 8, "flow": "release-web", "node": "slow", "inputs": [["digest": "x"]], "timeout": 0.05])
        try host.send(["id": 9, "flow": "release-web", "node": "slow", "inputs": [["digest": "x"]]])
        try host.send(["cancel": 7])
        #expect(try await host.end(of: 7)?["timedOut"] == nil)
        #expect(try await host.end(of: 8)?["timedOut"] == true)
        #expect(try host.frames(9) == [["begun": true]])
        host.process.terminate()
    }

    @Test func `without its worker a host ends its steps, and hears their records`() async throws {
        let host = try await host()
        try host.send(["id": 1, "flow": "release-web", "node": "slow", "inputs": [["digest": "x"]]])
        // Half a frame is a step that was not asked for.
        try host.send(bytes: [0, 0, 1, 0, 0x7B], record: 2)
        host.hangUp()
        while try host.frames(1).isEmpty { try await Task.sleep(for: .milliseconds(5)) }
        #expect(host.process.isRunning)
        #expect(chmod(host.record(1), 0o700) == 0)
        #expect(try await host.end(of: 1)?["error"] != nil)
        #expect(host.status() == 0)
        #expect(try host.frames(2).isEmpty)
    }

    @Test func `what is not a request ends the host with a status of its own`() async throws {
        let host = try await host()
        try host.send(bytes: [0, 0, 0, 1, 0x21])
        host.process.waitUntilExit()
        #expect(host.process.terminationStatus == 64)
    }
}
