import FlowModel

/// What one turn of the loop gathers until its commit.
struct Transaction {
    struct Change {
        var entries: [Entry] = []
        var actions: [RunMachine.Action] = []
        var notices: [JSON] = []
    }

    var batch: CommitBatch
    let moment: Moment
    /// The time of everything decided in it, so that folding a record gives what was decided.
    var now: Instant { moment.wall }
    /// Runs in order of first change.
    var order: [RunID] = []
    var changes: [RunID: Change] = [:]
    var keys: [String: (RunID, Digest)] = [:]
    var startReplies: [(StartReceipt, (Result<StartReceipt, FlowError>) -> Void)] = []
    var runReplies: [(RunID, (Result<RunRow, FlowError>) -> Void)] = []
    var occurrenceReplies: [([OccurrenceRow], (Result<[OccurrenceRow], FlowError>) -> Void)] = []
    /// Nominal times that were recorded in it, and the runs that it started for schedules.
    var occurrences: [OccurrenceRow.Key: OccurrenceRow] = [:]
    var scheduleRuns: [String: [RunID]] = [:]
    /// What the decisions mean for other runs.
    var consequences: [Consequence] = []
    /// Those of them that have their turn after the commit, and none if it is refused.
    var later: [Consequence] = []
    /// What nobody would send again.
    var repeatable: [Inbox.Item] = []
    var poppedTimers: [TimerRow] = []
    var newPlans: [Digest] = []
    /// Claims that are in the store and in no run.
    var orphans: [ClaimRow.ID] = []
    var wasRefused = false

    init(epoch: Int, at moment: Moment) {
        batch = CommitBatch(epoch: epoch)
        self.moment = moment
    }

    mutating func add(_ decision: RunMachine.Decision, to id: RunID, before: [Entry] = []) {
        if changes[id] == nil { order.append(id) }
        changes[id, default: Change()].entries += before + decision.entries
        changes[id]?.actions += decision.actions
        changes[id]?.notices += decision.notices
        batch.audit += decision.audit
    }
}
