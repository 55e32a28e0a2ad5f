package import FlowModel

// Plain searches over everything: slow, and plainly right.
extension MemoryStore: JournalReader {
    package func run(_ id: RunID) async throws -> RunRow? { content.runs[id] }
    package func run(_ id: RunID, inputsUpTo bytes: Int) async throws -> RunRow? { content.runs[id]?.cut(inputsUpTo: bytes) }

    package func runIDs(startingWith prefix: String) async throws -> [RunID] {
        let prefix = prefix.lowercased()
        return Array(content.runs.keys.filter { $0.text.hasPrefix(prefix) }.sorted().prefix(2))
    }

    package func runs(_ query: RunQuery) async throws -> [RunRow] {
        let found = content.runs.values.filter { row in
            (query.states.isEmpty || query.states.contains(row.state)) && (query.flow == nil || query.flow == row.flow)
                && query.labels.allSatisfy { row.labels[$0.key] == $0.value }
                && (query.before.map { row.id < $0 } ?? true)
        }
        return found.sorted { $0.id > $1.id }.prefix(max(0, query.limit)).map { $0.cut(inputsUpTo: query.inputsUpTo) }
    }

    package func runsAtGates(after run: RunID?, limit: Int) async throws -> [RunID] {
        let found = content.runs.values.filter { row in
            !row.state.isTerminal && row.waitingFor.contains { $0.kind == .freeze || $0.kind == .window } && (run.map { $0 < row.id } ?? true)
        }
        return Array(found.map(\.id).sorted().prefix(limit))
    }

    package func runsAwaitingVotes(after run: RunID?, limit: Int) async throws -> [RunID] {
        let open = content.approvals.values.filter { $0.state == .open && !$0.votes.isEmpty }
        let found = Set(open.map(\.run)).filter { id in run.map { $0 < id } ?? true }
        return Array(found.sorted().prefix(limit))
    }

    package func steps(of run: RunID, kinds: [String], after index: Int?, limit: Int) async throws -> [StepRow] {
        let rows = (content.steps[run] ?? [:]).values.filter { $0.index > index ?? -1 && (kinds.isEmpty || kinds.contains($0.kind)) }
        return Array(rows.sorted { $0.index < $1.index }.prefix(limit))
    }

    package func step(of run: RunID, at path: StepPath) async throws -> StepRow? {
        content.steps[run]?.values.first { $0.path == path }
    }

    package func targets(
        of run: RunID, step: Int, outcomes: Set<TargetOutcome>, after position: Int?, limit: Int
    ) async throws -> [TargetRow] {
        let rows = (content.targets[run] ?? [:]).values.filter {
            $0.step == step && $0.position > position ?? -1 && (outcomes.isEmpty || outcomes.contains($0.outcome))
        }
        return Array(rows.sorted { $0.position < $1.position }.prefix(limit))
    }

    package func olderAttempts(of run: RunID, at path: StepPath, limit: Int) async throws -> [AttemptRow] {
        let rows = content.attempts[TimerRow.ID(run: run, step: path)] ?? [:]
        return Array(rows.values.sorted { $0.number > $1.number }.prefix(limit))
    }

    package func approvals(
        state: ApprovalRow.State?, run: RunID?, after place: ApprovalRow.Place?, limit: Int
    ) async throws -> [ApprovalRow] {
        let found = content.approvals.values.filter { row in
            (state == nil || row.state == state) && (run == nil || row.run == run)
                && (place.map { (row.since, row.run, row.step, row.generation) < ($0.since, $0.run, $0.step, $0.generation) } ?? true)
        }
        let sorted = found.sorted {
            ($0.since, $0.run, $0.step, $0.generation) > ($1.since, $1.run, $1.step, $1.generation)
        }
        return Array(sorted.prefix(limit))
    }

    package func approval(_ id: ApprovalRow.ID) async throws -> ApprovalRow? {
        content.approvals.values.first { $0.run == id.run && $0.step == id.step && $0.generation == id.generation }
    }

    package func claims(after id: ClaimRow.ID?, limit: Int) async throws -> [ClaimRow] {
        let rows = content.claims.values.sorted { ($0.id.run, $0.id.step) < ($1.id.run, $1.id.step) }
        guard let id else { return Array(rows.prefix(limit)) }
        return Array(rows.filter { ($0.id.run, $0.id.step) > (id.run, id.step) }.prefix(limit))
    }

    package func journal(of run: RunID, after sequence: Int, limit: Int) async throws -> [JournalRecord] {
        Array((content.journal[run] ?? []).filter { $0.sequence > sequence }.prefix(limit))
    }

    package func blob(_ digest: Digest) async throws -> [UInt8]? { content.blobs[digest] }
}
