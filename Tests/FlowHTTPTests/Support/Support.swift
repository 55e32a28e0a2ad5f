import FlowHTTP
import FlowTestKit
import Foundation
import Glibc
import Synchronization
import Testing

/// Does `work` with a server that says what `serve` says, and a client.
func withServer(
    limits: HTTP.ClientLimits = HTTP.ClientLimits(), _ serve: @escaping @Sendable (Peer) -> Void,
    _ work: (RawServer, HTTP.Client) async throws -> Void
) async throws {
    let server = try RawServer(serve)
    let client = HTTP.Client(limits: limits)
    do {
        try await work(server, client)
    } catch {
        await client.close()
        server.stop()
        throw error
    }
    await client.close()
    server.stop()
}

/// Expects status 200.
func succeeds(_ client: HTTP.Client, _ request: HTTP.Request, sourceLocation: SourceLocation = #_sourceLocation) async throws {
    let status = try await client.send(request).status
    #expect(status == 200, sourceLocation: sourceLocation)
}

/// Expects that failure.
func fails(
    _ client: HTTP.Client, _ request: HTTP.Request, _ expected: HTTP.Failure, sourceLocation: SourceLocation = #_sourceLocation
) async throws {
    let said = try await failure { try await client.send(request) }
    #expect(said == expected, sourceLocation: sourceLocation)
}

/// What a request fails with; nil: it does not.
func failure(_ work: () async throws -> some Any) async throws -> HTTP.Failure? {
    do {
        _ = try await work()
        return nil
    } catch let failure as HTTP.Failure {
        return failure
    }
}

/// Short limits, for servers that keep one waiting.
extension HTTP.TimeLimits {
    static func short(head: Double? = 10, silence: Double? = 10, whole: Double? = 20) -> HTTP.TimeLimits {
        HTTP.TimeLimits(connect: 5, head: head, silence: silence, whole: whole)
    }
}

/// A value that threads and tasks share.
final class Shared<Value: Sendable>: Sendable {
    private let state: Mutex<Value>
    init(_ value: Value) { state = Mutex(value) }
    var value: Value { state.withLock { $0 } }
    func change(_ work: @Sendable (inout Value) -> Void) { state.withLock { work(&$0) } }
}

/// A fact of another thread that a task waits for.
final class Fact<Value: Sendable>: Sendable {
    private let stream: AsyncStream<Value>
    private let continuation: AsyncStream<Value>.Continuation
    init() { (stream, continuation) = AsyncStream.makeStream(of: Value.self) }
    func tell(_ value: Value) { continuation.yield(value) }
    func next() async -> Value? {
        for await value in stream { return value }
        return nil
    }
}

/// A folder of its own, removed behind `work`.
func withFolder(_ work: (String) async throws -> Void) async throws {
    let folder = "/tmp/flow-http-\(UUID().uuidString.prefix(8))"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try await work(folder)
}

/// Runs a program to its end; what it wrote.
@discardableResult
func run(_ words: [String], in folder: String) throws -> [UInt8] {
    let tool = Process()
    tool.executableURL = URL(filePath: "/usr/bin/env")
    tool.arguments = words
    tool.currentDirectoryURL = URL(filePath: folder)
    let out = Pipe()
    tool.standardOutput = out
    tool.standardError = FileHandle.nullDevice
    try tool.run()
    let bytes = try out.fileHandleForReading.readToEnd() ?? Data()
    tool.waitUntilExit()
    guard tool.terminationStatus == 0 else { throw Failed(words: words) }
    return Array(bytes)
}

struct Failed: Error {
    var words: [String]
}
