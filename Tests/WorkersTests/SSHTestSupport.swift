import FlowModel
import FlowTestKit
import Foundation
import Testing
import Workers

/// Starts a lab and a pool for one test and ends both.
func withLab(
    _ count: Int = 1, options: LabOptions = LabOptions(), limits: SSHLimits = SSHLimits(),
    _ body: (SSHLab, SSHPool) async throws -> Void
) async throws {
    let directory = NSTemporaryDirectory() + "flow-lab-test-" + UUID().uuidString
    let lab = try await SSHLab.start(hosts: count, in: directory, options: options)
    let pool = try SSHPool(limits: limits)
    let outcome: Result<Void, any Error>
    do {
        outcome = .success(try await body(lab, pool))
    } catch {
        outcome = .failure(error)
    }
    await pool.shutDown()
    await lab.stop()
    try FileManager.default.removeItem(atPath: directory)
    try outcome.get()
}

/// What a command did, all of it.
struct Finished {
    var stdout: [UInt8] = []
    var stderr: [UInt8] = []
    var status: Int?
    var signal: Int?

    var text: String { String(decoding: stdout, as: UTF8.self) }
}

extension SSHPool {
    /// Runs a command to its end, with this on its standard input.
    func run(_ command: String, on host: FlowModel.Host, input: [UInt8] = []) async throws -> Finished {
        let channel = try await transport(to: host).open(command)
        async let fed: Void = {
            try await channel.write(input)
            try await channel.finishInput()
        }()
        let finished = try await channel.collect()
        try await fed
        channel.close()
        return finished
    }
}

extension SSHPool {
    func expect(
        _ command: String, on host: FlowModel.Host, says text: String, sourceLocation: Testing.SourceLocation = #_sourceLocation
    ) async throws {
        let done = try await run(command, on: host)
        #expect(done.text == text, sourceLocation: sourceLocation)
    }
}

func expectError(
    _ phase: TransportError.Phase, sourceLocation: Testing.SourceLocation = #_sourceLocation, _ body: () async throws -> Void
) async {
    let error = await transportError(body)
    #expect(error?.phase == phase, sourceLocation: sourceLocation)
}

extension TransportChannel {
    func collect() async throws -> Finished {
        var finished = Finished()
        while let event = try await next() {
            switch event {
            case .stdout(let bytes): finished.stdout += bytes
            case .stderr(let bytes): finished.stderr += bytes
            case .exited(let status, let signal): (finished.status, finished.signal) = (status, signal)
            }
        }
        return finished
    }
}

/// Waits for a fact, at most thirty seconds.
func eventually(_ what: Comment, _ isSo: () throws -> Bool) async throws {
    let deadline = ContinuousClock.now + .seconds(30)
    while try !isSo() {
        guard ContinuousClock.now < deadline else {
            Issue.record(what)
            return
        }
        try await Task.sleep(for: .milliseconds(5))
    }
}

/// The transport error that `body` ends with.
func transportError(_ body: () async throws -> Void) async -> TransportError? {
    do {
        try await body()
        Issue.record("it did not fail")
    } catch let error as TransportError {
        return error
    } catch {
        Issue.record("it failed otherwise: \(error)")
    }
    return nil
}

let needsLab = SSHLab.obstacle
