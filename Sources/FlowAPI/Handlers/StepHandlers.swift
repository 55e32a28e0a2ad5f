import FlowEngine
import FlowModel
import FlowWire
import Hummingbird

enum StepHandlers {
    static func list(_ call: Call) async throws -> Response {
        let run = try await call.run().id
        let limit = try call.pageSize()
        let rows = try await call.api.reader.steps(of: run, after: try call.position("after"), limit: limit + 1)
        let shown = Array(rows.prefix(limit))
        return try Answer.page(try await steps(shown, of: run, call.api), hasMore: rows.count > limit) { String(shown[$0].index) }
    }

    /// Steps in order of index. `next` is the index of the last one shown.
    static func page(of run: RunID, after index: Int?, limit: Int, _ api: API) async throws -> Wire.Page<Wire.Step> {
        let rows = try await api.reader.steps(of: run, after: index, limit: limit + 1)
        let steps = try await steps(Array(rows.prefix(limit)), of: run, api)
        return Wire.Page(items: steps, next: rows.count > limit ? rows.prefix(limit).last.map { String($0.index) } : nil)
    }

    private static func steps(_ rows: [StepRow], of run: RunID, _ api: API) async throws -> [Wire.Step] {
        var steps: [Wire.Step] = []
        for row in rows { steps.append(try await step(row, api)) }
        try await GateReasons.fill(&steps, of: run, api)
        return steps
    }

    static func show(_ call: Call) async throws -> Response {
        let row = try await call.step(of: try await call.run().id)
        return try Answer.json(try await step(row, call.api))
    }

    /// The whole output of a step, from wherever it is kept.
    static func value(_ call: Call) async throws -> Response {
        let row = try await call.step(of: try await call.run().id)
        switch row.output {
        case .inline(let value): return try Answer.json(SealedText.redacted(value))
        case .blob(let digest, _):
            guard let bytes = try await call.api.reader.blob(digest) else {
                throw FlowError(
                    .database, subject: row.path.text, "The output of step '\(row.path)' is not in the database.",
                    hint: "flowctl doctor")
            }
            return try Answer.json(SealedText.redacted(try JSON.parse(bytes, maxDepth: Limits.planDepth)))
        case nil:
            throw FlowError(.notFound, subject: row.path.text, "Step '\(row.path)' has no output; it is \(row.state.rawValue).")
        }
    }

    /// The targets of a rollout, in its order.
    static func targets(_ call: Call) async throws -> Response {
        let row = try await call.step(of: try await call.run().id)
        guard row.kind == "rollout" else {
            throw FlowError(.usage, subject: row.path.text, "Step '\(row.path)' has no targets: it is a \(row.kind), not a rollout.")
        }
        let limit = try call.pageSize()
        let rows = try await call.api.reader.targets(
            of: row.run, step: row.index, outcomes: try outcomes(try call.query("outcome")), after: try call.position("after"),
            limit: limit + 1)
        return try Answer.page(rows.prefix(limit).map(Wire.Target.init), hasMore: rows.count > limit) { String(rows[$0].position) }
    }

    private static func outcomes(_ text: String?) throws(FlowError) -> Set<TargetOutcome> {
        var outcomes: Set<TargetOutcome> = []
        for word in (text ?? "").split(separator: ",") {
            guard let outcome = TargetOutcome(rawValue: String(word)) else {
                let all = TargetOutcome.allCases.map(\.rawValue).joined(separator: ", ")
                throw FlowError(.usage, subject: "outcome", "'\(word)' is no outcome of a target; there are: \(all).")
            }
            outcomes.insert(outcome)
        }
        return outcomes
    }

    /// The step with its older attempts; they are read only where there are any.
    private static func step(_ row: StepRow, _ api: API) async throws -> Wire.Step {
        guard let newest = row.attempt, newest.number > 1 else { return Wire.Step(row) }
        let older = try await api.reader.olderAttempts(of: row.run, at: row.path, limit: APILimits.attemptsShown - 1)
        return Wire.Step(row, older: older)
    }
}
