package import FlowModel
package import FlowWire

extension FlowClient {
    /// The path of a run; `id` may be a unique prefix.
    func path(_ run: String, _ rest: String = "") -> String { "/v1/runs/\(percentEncoded(run))\(rest)" }

    func path(_ run: String, step: StepPath, _ rest: String = "") -> String {
        path(run, "/steps/\(percentEncoded(step.text))\(rest)")
    }

    func run(_ id: String) async throws(FlowError) -> Wire.Run { try await fetch(Wire.Run.self, "GET", path(id)) }

    /// All steps of a run, page by page.
    package func steps(of run: String) async throws(FlowError) -> [Wire.Step] {
        try await list(Wire.Step.self, path(run, "/steps"), query: [("limit", String(CommandLimits.page))])
    }

    /// All targets of a rollout, page by page.
    func targets(of run: String, _ step: StepPath, outcome: String?) async throws(FlowError) -> [Wire.Target] {
        try await list(
            Wire.Target.self, path(run, step: step, "/targets"), query: [("limit", String(CommandLimits.page)), ("outcome", outcome)])
    }

    func undoPlan(of run: String, from step: String?) async throws(FlowError) -> Wire.UndoPlan {
        try await fetch(Wire.UndoPlan.self, "GET", path(run, "/undo"), query: [("from", step)])
    }

    func preview(of run: String) async throws(FlowError) -> Wire.Preview {
        try await fetch(Wire.Preview.self, "GET", path(run, "/plan"))
    }

    func why(_ run: String) async throws(FlowError) -> Wire.Why { try await fetch(Wire.Why.self, "GET", path(run, "/why")) }

    /// The events of a run after `sequence`, until its stream ends or the connection does. Does not reconnect.
    ///
    /// Returns the state that the run ended in, or nil when the stream broke off.
    func events(
        of run: String, after sequence: Int, receive: (Wire.Record) async throws -> Void
    ) async throws -> RunState? {
        var parser = EventStreamParser()
        var ending: RunState?
        let headers = ["accept": "text/event-stream", "last-event-id": String(sequence)]
        do {
            _ = try await stream("GET", path(run, "/events"), headers: headers, deadlineSeconds: nil) { bytes in
                for message in try parser.take(bytes) {
                    ending = try await handle(message, receive: receive) ?? ending
                    if ending != nil { throw EndOfStream() }
                }
            }
        } catch is EndOfStream {}
        return ending
    }

    private func handle(
        _ message: EventStreamParser.Message, receive: (Wire.Record) async throws -> Void
    ) async throws -> RunState? {
        guard message.event == Wire.Record.eventName || message.event == Wire.Record.endName else { return nil }
        let json = try JSON.parse(message.data, maxDepth: Limits.planDepth)
        if message.event == Wire.Record.endName { return try decode(Wire.StreamEnd.self, json).state }
        try await receive(try decode(Wire.Record.self, json))
        return nil
    }
}

/// Ends a stream that has said all it has to say.
struct EndOfStream: Error {}
