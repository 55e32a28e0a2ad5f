import FlowModel
import FlowWire

/// One stream of one attempt.
struct OutputSource: Hashable, Sendable {
    enum Stream: String, CaseIterable, Sendable { case stdout, stderr }

    var run: RunID
    var step: StepPath
    var attempt: Int
    var stream: Stream
}

extension FlowClient {
    /// Gives what was written from `offset` on; with `follows`, until the attempt has ended or the connection is lost.
    func output(
        _ source: OutputSource, from offset: Int, follows: Bool, receive: ([UInt8]) async throws -> Void
    ) async throws {
        let query = FlowClient.queryText([
            ("stream", source.stream.rawValue), ("offset", String(offset)), ("follow", follows ? "true" : nil),
        ])
        let path = path(source.run.text, step: source.step, "/attempts/\(source.attempt)/output\(query)")
        _ = try await stream("GET", path, headers: ["accept": "text/plain"], deadlineSeconds: nil, receive: receive)
    }
}
