import FlowEngine
import FlowModel
import HTTPTypes
import Hummingbird

/// `GET /v1/runs/{id}/events`: the run's journal as server-sent events, from where the client says, then live.
///
/// The journal is the truth: after each wake-up the run's feed reads what is new there, once for all streams, so nothing is lost or repeated
/// across reconnects. A client that does not read holds up only itself, and is dropped after `APILimits.writeSeconds`.
enum EventStream {
    static func open(_ call: Call) async throws -> Response {
        let run = try await call.run().id
        let start = try position(call)
        let following = try call.api.hub.follow(run, by: call.actor.person, reader: call.api.reader)
        let body = call.request.body
        let caller = StandingCaller(call)
        return Answer.stream(type: "text/event-stream; charset=utf-8", headers: [.connection: "close"]) { writer in
            let sink = StreamSink(writer)
            try await body.consumeWithCancellationOnInboundClose { _ in
                try await EventStream.pump(run, after: start, following, for: caller, into: sink)
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
        _ run: RunID, after start: Int, _ following: ChangeHub.Following, for standing: StandingCaller, into sink: StreamSink
    ) async throws {
        var (sequence, caller) = (start, standing)
        try await sink.write(": run \(run)\n\n")
        if try await drain(&sequence, following.feed, sink) { return }
        for await wake in following.wakes {
            try await caller.check()
            if wake == .heartbeat { try await sink.write(":\n\n") }
            if try await drain(&sequence, following.feed, sink) { return }
        }
    }

    /// Sends all that follows `sequence`. Returns whether the run has ended and everything was sent.
    private static func drain(_ sequence: inout Int, _ feed: RunFeed, _ sink: StreamSink) async throws -> Bool {
        while true {
            let page = try await feed.page(after: sequence)
            if page.text.readableBytes > 0 { try await sink.write(page.text) }
            if page.isEnd { return true }
            if page.last == sequence { return false }
            sequence = page.last
        }
    }
}
