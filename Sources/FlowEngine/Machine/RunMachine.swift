package import FlowModel

/// Decides what an event means for a run: a pure function from run and event to entries and actions.
///
/// ```swift
/// let decision = try RunMachine.decide(.timer(path), on: &run, in: context)
/// // append decision.entries to the journal in one transaction, then carry out decision.actions
/// ```
/// The run comes out with the entries applied. If it throws, the command was refused: the run is unchanged and nothing is
/// journaled. If the commit fails, the caller throws the run away and folds it again from the journal.
package struct RunMachine {
    /// What the outside knows and the machine must be told.
    package struct Context: Sendable {
        package var now: Instant
        package var epoch: Int
        /// In 0..<1, for the jitter of delays.
        package var chance: Double
        /// The name of the pool that takes orders.
        package var worker: String
        /// The journal came out of a backup: hosts may know more than it does.
        package var isRestored: Bool
        package var hash: @Sendable ([UInt8]) -> Digest
        /// Which freeze or window keeps something from beginning now; nil when it may.
        package var closure: @Sendable (ChangeSubject) -> ChangeClosure?
        /// Who is who now; nil where nobody keeps accounts: people are then what they were when they acted.
        package var people: People?
        /// The time of the timer that fires, by a clock that nobody sets: that one has come, whatever the clock on the wall shows, and no other.
        /// nil: what `now` is there for.
        package var fired: Instant?

        /// Seconds that have certainly passed since the wall showed that time, whoever has set it meanwhile.
        package var secondsSince: @Sendable (Instant) -> Double

        package init(
            now: Instant, epoch: Int, chance: Double, worker: String = "local", isRestored: Bool = false,
            closure: @escaping @Sendable (ChangeSubject) -> ChangeClosure? = { _ in nil }, people: People? = nil, fired: Instant? = nil,
            secondsSince: (@Sendable (Instant) -> Double)? = nil,
            hash: @escaping @Sendable ([UInt8]) -> Digest
        ) {
            self.people = people
            self.fired = fired
            self.secondsSince = secondsSince ?? { now.seconds(since: $0) }
            self.closure = closure
            self.isRestored = isRestored
            self.now = now
            self.epoch = epoch
            self.chance = chance
            self.worker = worker
            self.hash = hash
        }

        /// Whether it is time for what the run has named this time for.
        func hasCome(_ due: Instant) -> Bool { fired.map { $0 == due } ?? (due <= now) }
    }

    package enum Event: Sendable {
        /// The run was created: its first steps can start.
        case begin
        case command(RunCommand, by: Actor, message: String?)
        case report(AttemptReport)
        /// The time that a step named is over.
        case timer(StepPath)
        /// A run that a step asked for has begun, cannot begin, or has ended with this to hand out.
        case callBegan(CallID, RunID)
        case callRefused(CallID, String)
        case callEnded(CallID, RunID, RunState, reason: String?, value: JSON, shapers: [Shaper] = [])
        /// The hosts of a selector that a step made, or why there are none.
        case hostsFound(CallID, selector: String, [Host])
        case hostsRefused(CallID, selector: String, String)
        /// What a gate is about has changed, for this reason: its votes do not count any more.
        case voidVotes(StepPath, reason: String)
        /// Freezes or windows have changed.
        case gates
        /// Users, links, roles or lent rights have changed.
        case people
        /// What waits for locks at this path has them.
        case granted(StepPath)
        /// What waits for locks at this path would wait for ever.
        case deadlocked(StepPath, reason: String)
        /// This epoch takes the run over from an older one.
        case recover
        /// The engine ended repeatedly with this run in hand.
        case quarantine(String)
    }

    package enum Action: Hashable, Sendable {
        case dispatch(AttemptOrder)
        case proceed(AttemptID)
        case stop(AttemptID, force: Bool)
        case forget(AttemptID, target: Host?)
        /// Make this run; it begins in the transaction that says so to this one.
        case call(CallOrder)
        /// Say which hosts a selector means.
        case findHosts(HostSearch)
        /// Ask this of a run that a step waits for, in this transaction.
        case child(RunID, RunCommand)
        /// Say how that run ended, if it has.
        case lookAtChild(CallID, RunID)
    }

    package struct Decision: Sendable {
        package var entries: [Entry] = []
        package var actions: [Action] = []
        /// Messages to the outside, delivered at least once: `{"kind":"approval.waiting",…}`.
        package var notices: [JSON] = []
        /// What belongs on the audit trail, in the same transaction.
        package var audit: [AuditEntry] = []
    }

    var run: Run
    let context: Context
    var decision = Decision()
    /// Somebody let the run begin in spite of a freeze, in this decision.
    var hasBrokenGlass = false
    /// Settled steps whose consequences have not been looked at yet.
    var consequences: [Int] = []
    /// Somebody asked for something: that can bring to an end what no step's end does.
    private(set) var isCommanded = false

    package static func decide(_ event: Event, on run: inout Run, in context: Context) throws(FlowError) -> Decision {
        var machine = RunMachine(run: run, context: context)
        // One owner, so that the arrays are changed in place.
        run.steps = []
        run.scopes = []
        run.positions = [:]
        run.waitingSteps = OrderedNumbers()
        do {
            try machine.take(event)
        } catch {
            run = machine.run
            precondition(machine.decision.entries.isEmpty, "a refused command must not have changed the run")
            throw error
        }
        machine.claimRun()
        machine.advance()
        machine.refreshState()
        run = machine.run
        return machine.decision
    }

    private mutating func take(_ event: Event) throws(FlowError) {
        switch event {
        case .begin: if passesGate() { startAll(in: PlanIndex.root) }
        case .gates: lookAtGates()
        case .people: reviewVotes()
        case .granted(let path): takeGrant(path)
        case .deadlocked(let path, let reason): refuseClaim(path, because: reason)
        case .command(let command, let actor, let message):
            isCommanded = true
            try take(command, by: actor, message: message)
        case .report(let report): take(report)
        case .timer(let path): fire(path)
        case .voidVotes(let path, let reason): if let number = run.positions[path] { voidVotes(of: number, reason: reason) }
        case .callBegan(let id, let child): callBegan(id, child)
        case .callRefused(let id, let reason): callRefused(id, reason)
        case .callEnded(let id, let child, let state, let reason, let value, let shapers): callEnded(id, child, state, reason, value, shapers)
        case .hostsFound(let id, let selector, let hosts): hostsFound(id, selector, hosts)
        case .hostsRefused(let id, let selector, let reason): hostsRefused(id, selector, reason)
        case .recover: recover()
        case .quarantine(let reason):
            emit(.paused(true))
            emit(.runState(.paused, reason: reason))
            standAside()
        }
    }

    // MARK: - Recording

    mutating func emit(_ entry: Entry) {
        run.apply(entry, at: context.now)
        decision.entries.append(entry)
    }

    mutating func settle(
        _ number: Int, _ state: StepState, reason: String? = nil, value: JSON? = nil, changed: Bool? = nil,
        isIgnored: Bool = false
    ) {
        if let approval = run.steps[number].approval, approval.state == .open {
            emit(.approvalClosed(ref(number), state == .skipped ? .cancelled : .closing(state)))
        }
        if run.steps[number].elements != nil {
            // A map inside that was to be taken up again, and whose turn does not come any more.
            for inner in steps(inside: number) where run.steps[inner].state.isActive {
                settle(inner, .cancelled, reason: "its turn did not come again")
            }
        }
        let settlement = Entry.Settlement(state: state, reason: reason, value: value, changed: changed, isIgnored: isIgnored)
        emit(.settled(ref(number), settlement))
        consequences.append(number)
    }

    func ref(_ number: Int) -> Entry.StepRef { Entry.StepRef(index: number, path: run.steps[number].path) }
    func node(_ number: Int) -> Node { run.plan.nodes[run.steps[number].node] }

    // MARK: - Consequences

    /// Follows every settled step to what it lets start or brings to an end, until nothing more follows.
    private mutating func advance() {
        while true {
            while !consequences.isEmpty {
                let number = consequences.removeFirst()
                startSuccessors(of: number)
                let scope = run.steps[number].scope
                if run.undo != nil, run.scopes[scope].part == .undo, let item = run.undoItem(around: number) {
                    closeUndo(of: item)
                } else if let map = run.scopes[scope].map {
                    advanceMap(map, after: scope)
                }
            }
            guard closeBody() else { return }
        }
    }

    private mutating func startSuccessors(of number: Int) {
        let scope = run.scopes[run.steps[number].scope]
        var open = [number]
        var seen: Set<Int> = []
        while let next = open.popLast() {
            for local in run.index.scopes[scope.plan].successors[next - scope.base] {
                let successor = scope.base + local
                // One that had ended before this did lets others start only now.
                if run.isReleased(successor), seen.insert(successor).inserted { open.append(successor) }
                startIfPossible(successor)
            }
        }
    }

    /// Starts everything in a scope that waits for nothing.
    mutating func startAll(in scope: Int) {
        let base = run.scopes[scope].base
        for number in base..<base + run.index.scopes[run.scopes[scope].plan].nodes.count { startIfPossible(number) }
    }

    /// Starts what an operator's command has made possible, anywhere in the run.
    mutating func startEverything() {
        for scope in run.scopes.indices where run.scopes[scope].isOpen && (scope != PlanIndex.finally || run.bodyOutcome != nil) {
            startAll(in: scope)
        }
        for number in run.steps.indices where run.steps[number].state == .running && run.steps[number].elements != nil {
            advanceMap(number)
        }
    }

    mutating func startIfPossible(_ number: Int) {
        let step = run.steps[number]
        // Before the gate nothing has begun; once the body has ended there is none.
        guard run.gate == nil, !run.isQueued else { return }
        guard step.state == .pending || step.state == .ready, step.blockers == 0, hasTurn(step.scope), mayGoOn(in: step.scope) else { return }
        if run.isPaused {
            if step.state == .pending { emit(.ready(ref(number))) }
        } else if ownsClaim(ofScope: step.scope) {
            start(number)
        }
    }

    /// Whether the scope is neither failed nor cancelled, nor any scope around it. A pause does not count.
    func mayGoOn(in scope: Int) -> Bool {
        var scope = scope
        while true {
            if run.scopes[scope].hasFailed { return false }
            // What is undone goes on whatever became of the rest, unless somebody stops the run.
            if run.scopes[scope].part == .undo { return !isStopped }
            guard let map = run.scopes[scope].map else { break }
            scope = run.steps[map].scope
        }
        // While the run is undone nothing else goes on.
        if run.undo != nil { return false }
        if run.scopes[scope].plan == PlanIndex.finally { return run.bodyOutcome != nil && run.cancellation != .kill && !run.isQueued }
        return run.bodyOutcome == nil && run.cancellation == nil
    }

    /// Whether somebody has stopped the run, or what now goes on of it.
    var isStopped: Bool { run.cancellation == .kill || run.cancellation == .cancel && (run.bodyOutcome == nil || run.undo != nil) }

    /// Whether the scope, and every one around it, has its turn: an element that is taken up again waits for it.
    func hasTurn(_ scope: Int) -> Bool {
        var scope = scope
        while run.scopes[scope].isOpen {
            if run.undo != nil, run.scopes[scope].part == .undo { return true }
            guard let map = run.scopes[scope].map else { return true }
            scope = run.steps[map].scope
        }
        return false
    }

    /// Nothing in the scope will change any more unless somebody reopens it.
    func isOver(_ scope: Int) -> Bool {
        run.scopes[scope].unsettled == 0 || run.scopes[scope].active == 0 && !mayGoOn(in: scope)
    }

    /// Ends the flow proper or its `finally` when it is over. Returns whether that gave more to do.
    private mutating func closeBody() -> Bool {
        guard !run.state.isTerminal else { return false }
        if run.undo != nil { return advanceUndo() }
        if run.bodyOutcome == nil {
            guard isOver(PlanIndex.root) else { return false }
            let hasFailed = run.scopes[PlanIndex.root].hasFailed
            let outcome: RunState = run.cancellation != nil ? .cancelled : hasFailed ? .failed : .succeeded
            emit(.bodyEnded(outcome))
            if run.cancellation != .kill { resumeScope(PlanIndex.finally) }
            return true
        }
        guard isOver(PlanIndex.finally), let body = run.bodyOutcome else { return false }
        let finallyFailed = run.scopes[PlanIndex.finally].hasFailed
        let outcome: RunState = run.cancellation == .kill ? .cancelled : finallyFailed && body == .succeeded ? .failed : body
        emit(.runState(outcome, reason: endReason(of: outcome)))
        return false
    }

    /// Who stopped it and why, and what failed first: for people.
    private func endReason(of outcome: RunState) -> String? {
        if outcome == .succeeded { return nil }
        let reasons = [outcome == .cancelled ? run.stoppedBy?.words : nil, firstFailure].compactMap { $0 }
        if !reasons.isEmpty { return reasons.joined(separator: "; ") }
        return run.reason
            ?? run.steps.first { $0.state == .cancelled }.map { "step '\($0.path)' was cancelled" + ($0.reason.map { ": \($0)" } ?? "") }
    }

    private func isKeptGoing(_ step: Step) -> Bool {
        if case .map(let map) = run.plan.nodes[step.node].kind { map.keepsGoing == true } else { false }
    }

    private var firstFailure: String? {
        let failed = run.steps.filter { $0.state == .failed && run.plan.nodes[$0.node].policy.onFailure != .ignore }
        // What failed first inside says more than the map or rollout round it, if anything did; but for a map that names all that did.
        let first = failed.first { isKeptGoing($0) } ?? failed.first { $0.elements == nil } ?? failed.first
        return first.map { "step '\($0.path)' failed" + ($0.reason.map { ": \($0)" } ?? "") }
    }

    private var stateNow: RunState {
        if run.cancellation != nil && (run.bodyOutcome == nil || run.undo != nil) { return .cancelling }
        if run.isPaused { return .paused }
        if run.isQueued && run.live == 0 { return .queued }
        if run.isUndoing { return .undoing }
        return run.live > run.unreachable ? .running : .waiting
    }

    /// Says what the run as a whole is doing, if that has changed.
    private mutating func refreshState() {
        guard !run.state.isTerminal else { return }
        let state = stateNow
        guard state != run.state else { return }
        // Its `finally` goes on because somebody stopped it, and it says so.
        let isKept = state == .paused || run.undo != nil
        emit(.runState(state, reason: isKept ? run.reason : run.cancellation == nil ? nil : run.stoppedBy?.words))
    }
}

extension ApprovalRow.State {
    /// How a gate closes when its step settles so.
    fileprivate static func closing(_ state: StepState) -> ApprovalRow.State {
        switch state {
        case .succeeded: .approved
        case .failed: .rejected
        default: .cancelled
        }
    }
}
