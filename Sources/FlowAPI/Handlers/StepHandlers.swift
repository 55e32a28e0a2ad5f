import FlowEngine
import FlowModel
import FlowWire
import Hummingbird

enum StepHandlers {
    static func list(_ call: Call) async throws -> Response {
        let run = try await call.run().id
        let after = try call.query("after")
        let index = try after.map { text throws(FlowError) in
            guard let index = Int(text) else {
                throw FlowError(.usage, subject: "after", "'after' is `next` of the page before, found '\(text)'.")
            }
            return index
        }
        let page = try await page(of: run, after: index, limit: try call.pageSize(), call.api)
        return try Answer.json(page)
    }

    /// Steps in order of index. `next` is the index of the last one shown.
    static func page(of run: RunID, after index: Int?, limit: Int, _ api: API) async throws -> Wire.Page<Wire.Step> {
        let rows = try await api.reader.steps(of: run, after: index, limit: limit + 1)
        var steps: [Wire.Step] = []
        for row in rows.prefix(limit) { steps.append(try await step(row, api)) }
        return Wire.Page(items: steps, next: rows.count > limit ? rows.prefix(limit).last.map { String($0.index) } : nil)
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

    /// The step with its older attempts; they are read only where there are any.
    private static func step(_ row: StepRow, _ api: API) async throws -> Wire.Step {
        guard let newest = row.attempt, newest.number > 1 else { return Wire.Step(row) }
        let older = try await api.reader.olderAttempts(of: row.run, at: row.path, limit: APILimits.attemptsShown - 1)
        return Wire.Step(row, older: older)
    }
}
