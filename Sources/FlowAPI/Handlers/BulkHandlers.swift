import FlowEngine
import FlowModel
import FlowWire
import Hummingbird

/// A command for many runs. What is done is done to the set that somebody has seen: a run that has come to fit the filter meanwhile is left
/// alone, one that fits it no longer refuses for itself.
enum BulkHandlers {
    static func bulk(_ call: Call) async throws -> Response {
        let request = try await call.body(Wire.BulkRequest.self)
        try CommandHandlers.checkText(request.message, "message")
        let command = try command(request)
        guard let digest = request.digest else { return try await preview(request, call) }
        let runs = request.runs ?? []
        guard runs.count <= Limits.bulkRuns, digest == self.digest(of: request, runs, call) else {
            throw FlowError(
                .conflict, subject: "digest", "Nothing was done: the digest does not belong to this command and these runs.",
                hint: "ask for a preview again, and send back its runs and its digest")
        }
        try await call.api.caretaker.note(
            "run.bulk", subject: request.verb.rawValue,
            detail: [
                "where": .string(request.where), "runs": .int(runs.count), "digest": .string(digest.hex),
                "message": request.message.map(JSON.string) ?? .null,
            ], by: call.actor)
        var done: [Wire.BulkRun] = []
        for run in runs { done.append(await apply(command, to: run, request.message, call)) }
        return try Answer.json(Wire.Bulk(verb: request.verb, isApplied: true, runs: done, digest: digest))
    }

    private static func apply(_ command: RunCommand, to run: RunID, _ message: String?, _ call: Call) async -> Wire.BulkRun {
        do throws(FlowError) {
            let row = try await call.api.engine.perform(command, on: run, by: call.actor, message: message)
            return Wire.BulkRun(run: run, flow: row.flow, state: row.state, createdAt: row.createdAt, outcome: .done)
        } catch {
            return Wire.BulkRun(run: run, outcome: .refused, reason: error.message)
        }
    }

    private static func preview(_ request: Wire.BulkRequest, _ call: Call) async throws -> Response {
        var query = RunQuery(limit: Limits.bulkRuns + 1, inputsUpTo: 0)
        try RunFilter.apply(request.where, to: &query)
        let rows = try await call.api.reader.runs(query)
        guard rows.count <= Limits.bulkRuns else {
            throw FlowError(
                .tooLarge, subject: "where", "Nothing was done: more than \(Limits.bulkRuns) runs fit '\(request.where)'.",
                hint: "name fewer: flowctl list --where 'flow=release & state=failed & label.team=pay'")
        }
        let runs = rows.map { row in
            let row = call.api.engine.shown(row)
            return Wire.BulkRun(run: row.id, flow: row.flow, state: row.state, createdAt: row.createdAt)
        }
        return try Answer.json(
            Wire.Bulk(verb: request.verb, isApplied: false, runs: runs, digest: digest(of: request, runs.map(\.run), call)))
    }

    /// Over everything that decides what is done.
    private static func digest(of request: Wire.BulkRequest, _ runs: [RunID], _ call: Call) -> Digest {
        let content: JSON = [
            "verb": .string(request.verb.rawValue), "where": .string(request.where), "step": request.step.map(JSON.string) ?? .null,
            "priority": request.priority.map(JSON.int) ?? .null, "runs": .array(runs.map { .string($0.text) }),
        ]
        return call.api.engine.digest(of: content)
    }

    private static func command(_ request: Wire.BulkRequest) throws(FlowError) -> RunCommand {
        func refuse(_ what: String) -> FlowError {
            FlowError(.usage, subject: request.verb.rawValue, "Nothing was done: '\(request.verb.rawValue)' \(what).")
        }
        let takesStep = request.verb == .hold || request.verb == .release || request.verb == .retry
        if request.step != nil, !takesStep { throw refuse("takes no step") }
        if request.priority != nil, request.verb != .reprioritise { throw refuse("takes no priority") }
        switch request.verb {
        case .pause: return .pause
        case .resume: return .resume
        case .cancel: return .cancel
        case .kill: return .kill
        case .retry: return .retry(from: request.step.map(StepPath.init))
        case .hold:
            guard let step = request.step else { throw refuse("takes the step before which the runs are to stop") }
            return .hold(before: step, isSet: true)
        case .release:
            guard let step = request.step else { throw refuse("takes the step that is to go ahead") }
            return .release(StepPath(step))
        case .reprioritise:
            guard let priority = request.priority, Priority.all.contains(priority) else { throw refuse("takes a priority, 0 to 9") }
            return .reprioritise(priority)
        }
    }
}
