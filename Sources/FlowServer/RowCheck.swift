import FlowEngine
import FlowModel

/// Compares what is shown of runs with what their journals say: the rows must be the fold, and nothing else.
///
/// A hash chain proves the journal. The rows beside it have none, so a row that was changed, or written wrongly, shows itself only
/// here.
struct RowCheck {
    /// The newest runs that are compared; each is folded from what views read, so that the writer is not held up.
    static let runs = 1_000
    /// Tries to find a run between two of its changes.
    private static let tries = 3
    private static let page = 200

    let engine: Engine
    let reader: any JournalReader

    /// How many runs were compared, and what differs, with the run's id before it.
    func differences() async throws -> (compared: Int, found: [String]) {
        var query = RunQuery(limit: RowCheck.page)
        var compared = 0
        var found: [String] = []
        while compared < RowCheck.runs {
            let rows = try await reader.runs(query)
            for row in rows {
                found += try await differences(in: row.id).map { "run \(row.id): \($0)" }
            }
            compared += rows.count
            guard rows.count == query.limit, let last = rows.last else { break }
            query.before = last.id
        }
        return (compared, found)
    }

    private func differences(in run: RunID) async throws -> [String] {
        for _ in 0..<RowCheck.tries {
            guard let folded = try await folded(run), let stored = try await reader.run(run) else { return [] }
            let steps = try await steps(of: run)
            let targets = try await targets(of: run, steps)
            // Another record came between the two: they are of different moments.
            guard stored.head == folded.run.head, try await reader.run(run)?.head == stored.head else { continue }
            return RowCheck.differences(stored, folded.run) + RowCheck.differences(steps, folded.steps)
                + RowCheck.differences(targets, folded.targets)
        }
        return []
    }

    /// nil for a run that is gone by now, or whose journal is damaged: the check of the hash chains names that one.
    private func folded(_ run: RunID) async throws -> RefoldedRun? {
        do {
            return try await engine.folds(from: reader).rows(of: run)
        } catch StoreError.corrupt {
            return nil
        }
    }

    /// What is claimed and not by its run's journal, or the other way round, with the run's id before it; and how many claims there are.
    func claimDifferences() async throws -> (compared: Int, found: [String]) {
        var (compared, runs) = (0, 0)
        var found: [String] = []
        var after: ClaimRow.ID?
        while runs < RowCheck.runs {
            // One run after the other: what is claimed in one is read with the run as it is then.
            guard let next = try await reader.claims(after: after, limit: 1).first?.id.run else { break }
            runs += 1
            compared += try await compareClaims(of: next, &found)
            // After every path of it.
            after = ClaimRow.ID(run: next, step: StepPath("\u{10FFFF}"))
        }
        return (compared, found)
    }

    private func compareClaims(of run: RunID, _ found: inout [String]) async throws -> Int {
        for _ in 0..<RowCheck.tries {
            guard let folded = try await folded(run), let before = try await reader.run(run) else { return 0 }
            let stored = try await claims(of: run)
            guard before.head == folded.run.head, try await reader.run(run)?.head == before.head else { continue }
            let known = Dictionary(uniqueKeysWithValues: folded.claims.map { ($0.id.step, $0) })
            for row in stored where known[row.id.step] != row {
                let place = row.id.step == Run.ownPath ? "the run itself" : "'\(row.id.step)'"
                let what = known[row.id.step] == nil ? "is claimed by nobody" : "is claimed otherwise"
                found.append("run \(run): \(row.demands.words) of \(place) \(what) as its journal says")
            }
            let paths = Set(stored.map(\.id.step))
            for row in folded.claims where !paths.contains(row.id.step) {
                found.append("run \(run): the row of what '\(row.id.step)' claims is missing")
            }
            return stored.count
        }
        return 0
    }

    private func claims(of run: RunID) async throws -> [ClaimRow] {
        var rows: [ClaimRow] = []
        while true {
            let page = try await reader.claims(after: rows.last?.id ?? ClaimRow.ID(run: run, step: StepPath("")), limit: RowCheck.page)
            rows += page.filter { $0.id.run == run }
            guard page.count == RowCheck.page, page.last?.id.run == run else { return rows }
        }
    }

    private func steps(of run: RunID) async throws -> [StepRow] {
        var steps: [StepRow] = []
        while true {
            let rows = try await reader.steps(of: run, after: steps.last?.index, limit: RowCheck.page)
            steps += rows
            if rows.count < RowCheck.page { return steps }
        }
    }

    private func targets(of run: RunID, _ steps: [StepRow]) async throws -> [TargetRow] {
        var targets: [TargetRow] = []
        for step in steps where step.kind == "rollout" {
            var after: Int?
            while true {
                let rows = try await reader.targets(of: run, step: step.index, outcomes: [], after: after, limit: RowCheck.page)
                targets += rows
                after = rows.last?.position
                if rows.count < RowCheck.page { break }
            }
        }
        return targets
    }

    // MARK: - Comparing

    private static func differences(_ stored: RunRow, _ folded: RunRow) -> [String] {
        var stored = stored
        // Versions up to 0.1 dated a pause to the start of the run.
        if folded.state == .paused, let pause = folded.waitingFor.first, pause.subject == folded.id.text,
            stored.waitingFor.first?.subject == pause.subject
        {
            stored.waitingFor[0].since = pause.since
        }
        guard stored != folded else { return [] }
        let fields = [
            difference("state", stored.state.rawValue, folded.state.rawValue), difference("flow", stored.flow, folded.flow),
            difference("reason", stored.reason, folded.reason), difference("started by", stored.actor, folded.actor),
            difference("started at", stored.startedAt, folded.startedAt), difference("ended at", stored.endedAt, folded.endedAt),
            difference("revision", stored.revision.short, folded.revision.short),
        ]
        let named = fields.compactMap { $0 }
        return named.isEmpty ? ["its row is not what its journal says"] : named
    }

    private static func differences(_ stored: [StepRow], _ folded: [StepRow]) -> [String] {
        guard stored.count == folded.count else {
            return ["it has \(stored.count) rows of steps, its journal says \(folded.count)"]
        }
        return zip(stored, folded).filter { $0 != $1 }.flatMap { stored, folded in
            let fields = [
                difference("state", stored.state.rawValue, folded.state.rawValue),
                difference("reason", stored.reason, folded.reason),
                difference("generation", stored.generation, folded.generation),
                difference("exit status", stored.attempt?.exitStatus, folded.attempt?.exitStatus),
            ]
            let named = fields.compactMap { $0 }
            let shown = named.isEmpty ? ["its row is not what the journal says"] : named
            return shown.map { "step '\(folded.path)': \($0)" }
        }
    }

    private static func differences(_ stored: [TargetRow], _ folded: [TargetRow]) -> [String] {
        guard stored.count == folded.count else {
            return ["it has \(stored.count) rows of targets, its journal says \(folded.count)"]
        }
        return zip(stored, folded).filter { $0 != $1 }.map { stored, folded in
            "target '\(folded.name)': "
                + (difference("outcome", stored.outcome.rawValue, folded.outcome.rawValue) ?? "its row is not what the journal says")
        }
    }

    private static func difference<Value: Equatable>(_ name: String, _ stored: Value?, _ folded: Value?) -> String? {
        guard stored != folded else { return nil }
        func text(_ value: Value?) -> String { value.map { "'\($0)'" } ?? "nothing" }
        return "\(name) is \(text(stored)) in its row, \(text(folded)) in its journal"
    }
}
