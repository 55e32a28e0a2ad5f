import FlowEngine
import FlowModel
import FlowWire

/// The steps for which a run did not succeed, each with where to look further.
struct WhyFailures {
    private(set) var shown: [Wire.FailedStep] = []
    private(set) var count = 0

    init(of row: RunRow, _ api: API) async throws {
        guard [.failed, .cancelled, .undoing].contains(row.state) else { return }
        let found = try await WhyFailures.steps(of: row, api)
        // The parts say more than the whole: a map fails because a step in it did. A rollout says what became of all its targets.
        var wholes: Set<Substring> = []
        for step in found {
            let text = step.path.text
            for bracket in text.indices where text[bracket] == "[" { wholes.insert(text[..<bracket]) }
        }
        let parts = found.filter { $0.kind == "rollout" || !wholes.contains($0.path.text[...]) }
        count = (row.counts[.failed] ?? 0) + (row.counts[.unknown] ?? 0) - (found.count - parts.count)
        for step in parts.prefix(APILimits.failuresShown) { shown.append(try await WhyFailures.failed(step, row, api)) }
    }

    /// As many as a page has. The counts say how many there are to be found, so that a long run is read no further than it takes.
    private static func steps(of row: RunRow, _ api: API) async throws -> [StepRow] {
        let wanted = min((row.counts[.failed] ?? 0) + (row.counts[.unknown] ?? 0), APILimits.maxPage)
        var found: [StepRow] = []
        var after: Int?
        while found.count < wanted {
            let page = try await api.reader.steps(of: row.id, after: after, limit: APILimits.maxPage)
            found += page.filter { $0.state == .failed || $0.state == .unknown }
            guard page.count == APILimits.maxPage, let last = page.last else { break }
            after = last.index
        }
        return found
    }

    private static func failed(_ step: StepRow, _ row: RunRow, _ api: API) async throws -> Wire.FailedStep {
        let reason = Wire.Step(step).reason
        var failed = Wire.FailedStep(
            step: step.path, state: step.state, attempt: step.attempt?.number, target: step.attempt?.target, reason: reason,
            look: "flowctl steps \(row.id)")
        if step.kind == "rollout" { failed.look = "flowctl rollout \(row.id) '\(step.path)'" }
        if let attempt = step.attempt {
            failed.look = "flowctl logs \(row.id) '\(step.path)'"
            let line = try await api.outputs.lastLine(of: row.id, step: step.path, attempt: attempt.number)
            failed.lastLine = line.flatMap { reason?.contains($0) == true ? nil : $0 }
        }
        return failed
    }
}
