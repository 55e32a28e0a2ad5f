import FlowEngine
import FlowModel
import FlowWire
import Hummingbird

/// `GET /v1/runs/{id}/why`: the answer to the most asked question. Always says something.
enum WhyHandler {
    /// Steps shown.
    private static let shown = 100

    static func why(_ call: Call) async throws -> Response {
        let row = try await call.run()
        let active = try await activeSteps(of: row, call.api)
        var running: [Wire.Running] = []
        for step in active where step.state == .running {
            // A map runs through its elements, which are steps of their own.
            guard let attempt = step.attempt else { continue }
            let line = try await call.api.outputs.lastLine(of: row.id, step: step.path, attempt: attempt.number)
            running.append(
                Wire.Running(
                    step: step.path, attempt: attempt.number, target: attempt.target, since: attempt.startedAt, lastLine: line))
        }
        var waits = waits(of: row, steps: active)
        try await GateReasons.fill(&waits, of: row.id, call.api)
        await LockReasons.fill(&waits, of: row.id, call.api)
        let failures = try await WhyFailures(of: row, call.api)
        let next = try await WhyNext.steps(of: row, call.api)
        let why = Wire.Why(
            run: row.id, flow: row.flow, state: row.state,
            summary: summary(row, waits, running, failures.count, next) + uncommitted(row, call.api),
            reason: Wire.Run(row).reason, waitingFor: waits, running: running, failed: failures.shown.isEmpty ? nil : failures.shown,
            failedCount: failures.count == 0 ? nil : failures.count, next: next.isEmpty ? nil : next)
        return try Answer.json(why)
    }

    /// Steps that are neither pending nor settled, at most `shown`. The counts say how many there are to be found, so that a
    /// long run is read no further than it takes.
    private static func activeSteps(of row: RunRow, _ api: API) async throws -> [StepRow] {
        let active = row.counts.reduce(0) { $1.key == .pending || $1.key.isSettled ? $0 : $0 + $1.value }
        var found: [StepRow] = []
        var after: Int?
        while found.count < min(active, shown) {
            let page = try await api.reader.steps(of: row.id, after: after, limit: APILimits.maxPage)
            found += page.filter { $0.state != .pending && !$0.state.isSettled }
            guard page.count == APILimits.maxPage, let last = page.last else { break }
            after = last.index
        }
        return Array(found.prefix(shown))
    }

    private static func waits(of row: RunRow, steps: [StepRow]) -> [Wire.Wait] {
        var waits: [Wire.Wait] = []
        for step in steps {
            guard let waiting = step.waiting?.completed(for: row.id) else { continue }
            waits.append(
                Wire.Wait(
                    kind: waiting.kind, subject: waiting.subject, step: step.path, since: waiting.since, until: waiting.until,
                    release: waiting.release, look: look(step, waiting), reason: waiting.reason ?? Wire.Step(step).reason))
        }
        // What the run itself waits for and no step does: a pause.
        let known = Set(waits.map { "\($0.kind) \($0.subject)" })
        for waiting in row.waitingFor where !known.contains("\(waiting.kind) \(waiting.subject)") {
            let waiting = waiting.completed(for: row.id)
            waits.append(
                Wire.Wait(
                    kind: waiting.kind, subject: waiting.subject, since: waiting.since, until: waiting.until,
                    release: waiting.release, reason: waiting.reason))
        }
        if row.state == .paused, !waits.contains(where: { $0.step == nil }) {
            let since = row.startedAt ?? row.createdAt
            waits.append(Wire.Wait(kind: .hold, subject: row.id.text, since: since, release: "flowctl resume \(row.id)"))
        }
        return waits
    }

    /// A host that is away comes back by itself. What runs here is reached without a host.
    private static func look(_ step: StepRow, _ waiting: Waiting) -> String? {
        guard waiting.kind == .unreachable else { return nil }
        return step.attempt?.target.map { "flowctl ping \($0)" } ?? "flowctl doctor"
    }

    private static func summary(
        _ row: RunRow, _ waits: [Wire.Wait], _ running: [Wire.Running], _ failed: Int, _ next: [Wire.NextStep]
    ) -> String {
        let name = "Run \(row.id) of flow '\(row.flow)'"
        switch row.state {
        case .succeeded: return "\(name) succeeded\(ended(row)); it waits for nothing."
        case .failed:
            let all = failed > 1 ? "; \(failed) steps failed in all" : ""
            return "\(name) failed\(ended(row))\(because(row))\(all).\(WhyNext.words(next))"
        case .cancelled: return "\(name) was cancelled\(ended(row))\(because(row)).\(WhyNext.words(next))"
        case .paused:
            let release = waits.first { $0.step == nil }?.release ?? "flowctl resume \(row.id)"
            return "\(name) is paused\(because(row)); nothing new starts. Go on with: \(release)"
        case .cancelling: return "\(name) is being cancelled; \(count(running.count, "step")) must end first\(hosts(running))."
        case .queued:
            guard let first = waits.first else { return "\(name) was accepted at \(row.createdAt) and starts next." }
            return "\(name) was accepted at \(row.createdAt) and waits for its turn: \(first.reason ?? first.kind.rawValue)."
        case .undoing: return "\(name) undoes what it did; \(count(running.count, "step")) running."
        case .waiting, .running:
            var parts: [String] = []
            if !running.isEmpty { parts.append("\(count(running.count, "step")) running\(hosts(running))") }
            if let first = waits.first {
                let subject = first.step == nil && first.subject == row.id.text ? first.reason ?? "itself" : "'\(first.subject)'"
                let kinds = Set(waits.map(\.kind.rawValue)).sorted().joined(separator: ", ")
                parts.append("\(count(waits.count, "wait")) (\(kinds)), the first for \(subject) since \(first.since)")
            }
            if parts.isEmpty { parts.append("it is between two steps") }
            return "\(name) is \(row.state.rawValue): \(parts.joined(separator: "; "))."
        }
    }

    /// What is shown may be behind what steps have done: their ends wait for the journal.
    private static func uncommitted(_ row: RunRow, _ api: API) -> String {
        guard !row.state.isTerminal, let refusal = api.engine.commitRefusal(at: api.now()) else { return "" }
        return " Since \(refusal.since) nothing can be committed, because \(refusal.message): the engine waits for room, and takes up then "
            + "what steps have done meanwhile. Look with: flowctl doctor"
    }

    private static func because(_ row: RunRow) -> String { Wire.Run(row).reason.map { ": \($0)" } ?? "" }
    private static func ended(_ row: RunRow) -> String { row.endedAt.map { " at \($0)" } ?? "" }
    private static func count(_ number: Int, _ noun: String) -> String { "\(number) \(noun)\(number == 1 ? "" : "s")" }
    private static func hosts(_ running: [Wire.Running]) -> String {
        let hosts = Set(running.compactMap(\.target)).sorted()
        return hosts.isEmpty ? "" : " on \(hosts.prefix(5).joined(separator: ", "))\(hosts.count > 5 ? " …" : "")"
    }
}
