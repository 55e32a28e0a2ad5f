package import FlowModel

/// Reads projections and journal for views. Calls come from many tasks at once and never hold up the writer.
package protocol JournalReader: Sendable {
    func run(_ id: RunID) async throws -> RunRow?
    /// The same without inputs of more than so many bytes: what most views show of a run does not need them.
    func run(_ id: RunID, inputsUpTo bytes: Int) async throws -> RunRow?
    /// The ids that start with `prefix`, two at most.
    func runIDs(startingWith prefix: String) async throws -> [RunID]
    /// Newest first.
    func runs(_ query: RunQuery) async throws -> [RunRow]
    /// In order of index, those after `after`; no kinds mean any.
    func steps(of run: RunID, kinds: [String], after index: Int?, limit: Int) async throws -> [StepRow]
    func step(of run: RunID, at path: StepPath) async throws -> StepRow?
    /// The targets of a rollout, by the index of its step, in its order, those after `position`; no outcomes mean any.
    func targets(
        of run: RunID, step: Int, outcomes: Set<TargetOutcome>, after position: Int?, limit: Int
    ) async throws -> [TargetRow]
    /// The newest attempts of a step, older than the one in its row, newest first.
    func olderAttempts(of run: RunID, at path: StepPath, limit: Int) async throws -> [AttemptRow]
    /// Newest first, those behind `place`; nil state gives all.
    func approvals(state: ApprovalRow.State?, run: RunID?, after place: ApprovalRow.Place?, limit: Int) async throws -> [ApprovalRow]
    func approval(_ id: ApprovalRow.ID) async throws -> ApprovalRow?
    /// Open runs that wait for a freeze or window, by id, those after `after`.
    func runsAtGates(after run: RunID?, limit: Int) async throws -> [RunID]
    /// Runs with an open gate on which somebody has voted, by id, those after `run`.
    func runsAwaitingVotes(after run: RunID?, limit: Int) async throws -> [RunID]
    /// What is claimed in all runs, in order of run and path, those after `id`.
    func claims(after id: ClaimRow.ID?, limit: Int) async throws -> [ClaimRow]
    /// The run's records after `sequence`, in order.
    func journal(of run: RunID, after sequence: Int, limit: Int) async throws -> [JournalRecord]
    func blob(_ digest: Digest) async throws -> [UInt8]?
}

extension JournalReader {
    /// The newest.
    package func approvals(state: ApprovalRow.State?, run: RunID?, limit: Int) async throws -> [ApprovalRow] {
        try await approvals(state: state, run: run, after: nil, limit: limit)
    }
}

/// Which runs a list shows.
package struct RunQuery: Hashable, Sendable {
    /// Empty means any.
    package var states: Set<RunState>
    package var flow: String?
    package var labels: [String: String]
    /// Older than this one.
    package var before: RunID?
    package var limit: Int
    /// Inputs of more than so many bytes are left out; nil gives all.
    package var inputsUpTo: Int?

    package init(
        states: Set<RunState> = [], flow: String? = nil, labels: [String: String] = [:], before: RunID? = nil,
        limit: Int = 50, inputsUpTo: Int? = nil
    ) {
        self.inputsUpTo = inputsUpTo
        self.states = states
        self.flow = flow
        self.labels = labels
        self.before = before
        self.limit = limit
    }
}

extension JournalReader {
    /// In order of index, those after `after`.
    package func steps(of run: RunID, after index: Int?, limit: Int) async throws -> [StepRow] {
        try await steps(of: run, kinds: [], after: index, limit: limit)
    }
}
