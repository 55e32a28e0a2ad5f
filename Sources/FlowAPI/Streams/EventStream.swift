import FlowEngine
import FlowModel
import FlowWire
import HTTPTypes
import Hummingbird
import NIOCore

/// `GET /v1/runs/{id}/events`: the run's journal as server-sent events, from where the client says, then live.
///
/// The journal is the truth: after each wake-up the stream reads what is new there, so nothing is lost or repeated across
/// reconnects. A client that does not read holds up only itself, and is dropped after `APILimits.writeSeconds`.
enum EventStream {
    static func open(_ call: Call) async throws -> Response {
        let run = try await call.run().id
        let start = try position(call)
        let wakes = try call.api.hub.follow(run)
        let body = call.request.body
        let reader = call.api.reader
        return Answer.stream(type: "text/event-stream; charset=utf-8", headers: [.connection: "close"]) { writer in
            let sink = StreamSink(writer)
            try await body.consumeWithCancellationOnInboundClose { _ in
                try await EventStream.pump(run, after: start, wakes: wakes, reader: reader, into: sink)
            }
            try await sink.finish()
        }
    }

    private static func position(_ call: Call) throws(FlowError) -> Int {
        let header = call.request.headers[.lastEventID]
        let query = try call.query("after")
        guard let text = header ?? query, !text.isEmpty else { return 0 }
        guard let sequence = Int(text), sequence >= 0 else {
            throw FlowError(.usage, subject: "Last-Event-ID", "The stream was not opened: '\(text)' is not a sequence number.")
        }
        return sequence
    }

    private static func pump(
        _ run: RunID, after start: Int, wakes: AsyncStream<ChangeHub.Wake>, reader: any JournalReader, into sink: StreamSink
    ) async throws {
        var sequence = start
        try await sink.write(": run \(run)\n\n")
        if try await drain(run, &sequence, reader, sink) { return }
        for await wake in wakes {
            if wake == .heartbeat { try await sink.write(":\n\n") }
            if try await drain(run, &sequence, reader, sink) { return }
        }
    }

    /// Sends all records behind `sequence`. Returns whether the run has ended and everything was sent.
    private static func drain(
        _ run: RunID, _ sequence: inout Int, _ reader: any JournalReader, _ sink: StreamSink
    ) async throws -> Bool {
        // The row first: if it says that the run has ended, the records read after it are all there are.
        guard let row = try await reader.run(run) else { return true }
        while true {
            let records = try await reader.journal(of: run, after: sequence, limit: APILimits.streamPage)
            var text = ""
            for record in records {
                let wire = Wire.Record(sequence: record.sequence, at: record.at, events: try record.events())
                let data = String(decoding: try Answer.encode(wire), as: UTF8.self)
                text += "id: \(record.sequence)\nevent: \(Wire.Record.eventName)\ndata: \(data)\n\n"
                sequence = record.sequence
            }
            if !text.isEmpty { try await sink.write(text) }
            if records.count < APILimits.streamPage { break }
        }
        guard row.state.isTerminal, sequence >= row.head.sequence else { return false }
        let end = String(decoding: try Answer.encode(Wire.StreamEnd(state: row.state)), as: UTF8.self)
        try await sink.write("event: \(Wire.Record.endName)\ndata: \(end)\n\n")
        return true
    }
}
