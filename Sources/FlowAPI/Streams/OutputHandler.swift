import FlowEngine
import FlowModel
import FlowWire
import HTTPTypes
import Hummingbird
import NIOCore

/// `GET …/attempts/{n}/output`: the bytes of one stream of one attempt, from an offset, as plain text and nothing else.
enum OutputHandler {
    private struct Source: Sendable {
        var run: RunID
        var step: StepPath
        var attempt: Int
        var stream: OutputStream
    }

    static func output(_ call: Call) async throws -> Response {
        let run = try await call.run().id
        let step = try await call.step(of: run)
        let attempt = try await attempt(call, of: step)
        let offset = try call.integer("offset", in: 0...Int.max, unless: 0)
        let source = Source(run: run, step: step.path, attempt: attempt.number, stream: try stream(call))
        let isComplete = attempt.state.isTerminal
        let follows = try call.flag("follow") && !isComplete
        let following = follows ? try call.api.hub.follow(run, by: call.actor.person, reader: call.api.reader) : nil
        var headers: HTTPFields = [
            .flowOutputComplete: String(isComplete), .contentDisposition: "attachment; filename=output.txt",
        ]
        // Watching for a client that goes away uses the connection up.
        if follows { headers[.connection] = "close" }
        let body = call.request.body
        let (api, caller) = (call.api, StandingCaller(call))
        return Answer.stream(type: "text/plain; charset=utf-8", headers: headers) { writer in
            let sink = StreamSink(writer)
            if let following {
                try await body.consumeWithCancellationOnInboundClose { _ in
                    try await follow(source, from: offset, following.feed.news, api, caller, sink)
                }
            } else {
                _ = try await drain(source, from: offset, api, sink)
            }
            try await sink.finish()
            // Held until here: it is what counts the stream.
            withExtendedLifetime(following) {}
        }
    }

    /// Sends what there is; returns the offset behind it.
    private static func drain(_ source: Source, from offset: Int, _ api: API, _ sink: StreamSink) async throws -> Int {
        var offset = offset
        while true {
            let bytes = try await api.outputs.output(
                of: source.run, step: source.step, attempt: source.attempt, stream: source.stream, offset: offset,
                limit: APILimits.outputChunkBytes)
            guard !bytes.isEmpty else { return offset }
            try await sink.write(ByteBuffer(bytes: bytes))
            offset += bytes.count
        }
    }

    private static func follow(
        _ source: Source, from start: Int, _ news: RunNews, _ api: API, _ standing: StandingCaller, _ sink: StreamSink
    ) async throws {
        var (offset, caller) = (start, standing)
        var version: Int?
        var hasEnded = false
        while true {
            try await caller.check()
            // Whether it has ended is asked before reading, when the run has changed: the output of an ended attempt is all on disk.
            if version != news.version {
                version = news.version
                hasEnded = try await self.hasEnded(source, api)
            }
            offset = try await drain(source, from: offset, api, sink)
            if hasEnded { return }
            try await Task.sleep(for: .seconds(APILimits.followSeconds))
        }
    }

    private static func hasEnded(_ source: Source, _ api: API) async throws -> Bool {
        guard let row = try await api.reader.step(of: source.run, at: source.step), let newest = row.attempt else {
            return true
        }
        return newest.number != source.attempt || newest.state.isTerminal
    }

    private static func attempt(_ call: Call, of step: StepRow) async throws -> AttemptRow {
        let text = call.parameter("n")
        guard let number = Int(text), number > 0 else {
            throw FlowError(.usage, subject: "n", "The number of an attempt is a number from 1, found '\(text)'.")
        }
        if let newest = step.attempt, newest.number == number { return newest }
        let older = try await call.api.reader.olderAttempts(of: step.run, at: step.path, limit: Limits.attempts)
        guard let attempt = older.first(where: { $0.number == number }) else {
            throw FlowError(.notFound, subject: step.path.text, "Step '\(step.path)' has no attempt \(number) so far.")
        }
        return attempt
    }

    private static func stream(_ call: Call) throws(FlowError) -> OutputStream {
        guard let text = try call.query("stream") else { return .stdout }
        guard let stream = OutputStream(rawValue: text) else {
            throw FlowError(.usage, subject: "stream", "The stream is 'stdout' or 'stderr', found '\(text)'.")
        }
        return stream
    }
}

extension HTTPField.Name {
    /// Whether the output that follows is all there will be.
    static let flowOutputComplete = known("Flow-Output-Complete")
    static let lastEventID = known("Last-Event-ID")
    static let idempotencyKey = known("Idempotency-Key")

    private static func known(_ text: String) -> HTTPField.Name {
        guard let name = HTTPField.Name(text) else { preconditionFailure("'\(text)' is not a header's name") }
        return name
    }
}
