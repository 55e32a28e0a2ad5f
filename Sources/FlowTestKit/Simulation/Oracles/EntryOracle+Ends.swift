internal import FlowEngine
internal import FlowModel

// How steps, gates, elements and the flow come to their ends.
extension EntryOracle {
    func settled(_ step: Int, _ end: Entry.Settlement) -> String? {
        let before = run.steps[step]
        if before.state.isSettled { return "'\(before.path)' settles twice" }
        if before.approval?.state == .open { return "'\(before.path)' settles with an open gate" }
        if let attempt = before.attempt, !attempt.row.state.isTerminal, before.state == .running {
            return "'\(before.path)' settles with an attempt out"
        }
        let policy = run.nodeOf(step).policy.onFailure
        if end.isIgnored != (end.state == .failed && policy == .ignore) { return "'\(before.path)' failed, its policy is \(policy)" }
        if run.steps[step].elements != nil, let inner = run.stepsIn(step).first(where: { run.steps[$0].state.isActive }) {
            return "'\(before.path)' settles while '\(run.steps[inner].path)' is \(run.steps[inner].state)"
        }
        switch end.state {
        case .succeeded: return succeeded(step, end)
        case .skipped: return isSkipped(step) ? nil : skipped(step)
        case .failed: return failed(step)
        case .cancelled: return cancelled(step)
        default: return "\(end.state) is no end"
        }
    }

    private func succeeded(_ step: Int, _ end: Entry.Settlement) -> String? {
        let before = run.steps[step]
        if isResolved(step, { if case .succeeded = $0 { true } else { false } }) { return nil }
        switch run.nodeOf(step).kind {
        case .choice(.literal(let answer)): return end.value == answer ? begins(step) : "'\(before.path)' decided otherwise"
        case .waitFor: return nil
        case .repeatUntil: return before.elements?.open.isEmpty == true ? nil : "'\(before.path)' succeeded in the middle of a round"
        case .sleep, .sleepUntil:
            let isOver = before.due.map { $0 <= now } == true || command == .release(before.path)
            return before.state == .waiting && isOver ? nil : "'\(before.path)' woke too early"
        case .approval: return before.approval?.state == .approved || isMet(step) ? nil : "'\(before.path)' succeeded without approval"
        case .map(let map):
            let values = (before.elements?.scopes ?? []).map { scope in
                scope.flatMap { run.stepsOf($0).last }.flatMap { run.steps[$0].value } ?? .null
            }
            let isComplete = (before.elements?.scopes ?? []).allSatisfy { scope in
                scope.map { run.stepsOf($0).allSatisfy(run.letsOthersStart) } ?? false
            }
            if let least = map.minSucceeded {
                return succeeds(step, least) && end.value == .array(values) ? nil : "'\(before.path)' succeeded with too few"
            }
            return isComplete && end.value == .array(values) ? nil : "'\(before.path)' succeeded with other values than its elements'"
        case .rollout(let spec): return rolloutSucceeded(step, spec)
        default:
            guard case .succeeded(let output, let changed)? = result?.outcome, before.attempt?.row.state == .succeeded else {
                return "'\(before.path)' succeeded and no attempt did"
            }
            if before.attempt?.isProbe == true { return nil }
            return end.value == output && end.changed == changed ? nil : "'\(before.path)' has another output than its attempt"
        }
    }

    private func succeeds(_ step: Int, _ least: Amount) -> Bool {
        let scopes = run.steps[step].elements?.scopes ?? []
        let done = scopes.count { scope in scope.map { run.stepsOf($0).allSatisfy(run.letsOthersStart) } ?? false }
        switch least {
        case .count(let count): return done >= min(count, scopes.count)
        case .percent(let share): return done >= Int((Double(scopes.count) * share / 100).rounded(.up))
        }
    }

    private func skipped(_ step: Int) -> String? {
        if case .repeatUntil = run.nodeOf(step).kind { return nil }
        guard !run.isOnItsBranch(step) || !run.canRead(step) else { return "'\(run.steps[step].path)' is skipped without a reason" }
        // A retry finds out late that it cannot read.
        return run.steps[step].state == .pending || run.steps[step].state == .ready ? begins(step) : nil
    }

    private func failed(_ step: Int) -> String? {
        let before = run.steps[step]
        if isResolved(step, { $0 == .failed }) { return nil }
        if before.elements == nil, run.nodeOf(step).policy.onFailure == .hold { return "'\(before.path)' failed, and its policy is to hold" }
        switch run.nodeOf(step).kind {
        case .approval: return mayFailGate(step) ? nil : "'\(before.path)' failed, and nobody rejected it"
        case .map: return elementsFailed(step) ? nil : "'\(before.path)' failed, and no element did"
        case .rollout(let spec): return rolloutFailed(step, spec)
        case .shell, .copy, .step: return mayFail(step)
        case .waitFor: return before.due.map { $0 <= now } == true ? nil : "'\(before.path)' waits in vain too early"
        case .repeatUntil: return nil
        case .choice, .sleep, .sleepUntil: return "'\(before.path)' cannot fail"
        }
    }

    func held(_ step: Int) -> String? {
        let before = run.steps[step]
        if case .rollout(let spec) = run.nodeOf(step).kind { return rolloutHeld(step, spec) }
        if run.nodeOf(step).policy.onFailure != .hold { return "'\(before.path)' is held, which is not its policy" }
        switch run.nodeOf(step).kind {
        case .approval: return mayFailGate(step) ? nil : "'\(before.path)' is held, and nobody rejected it"
        case .map: return elementsFailed(step) ? nil : "'\(before.path)' is held, and no element failed"
        case .waitFor: return before.due.map { $0 <= now } == true ? nil : "'\(before.path)' is held too early"
        case .repeatUntil: return nil
        default: return mayFail(step)
        }
    }

    private func elementsFailed(_ step: Int) -> Bool {
        (run.steps[step].elements?.scopes ?? []).contains { scope in scope.map { run.stepsOf($0).contains(where: run.isFailure) } ?? false }
    }

    /// Its last attempt came to an end that is none of success, and there is no other.
    private func mayFail(_ step: Int) -> String? {
        let path = run.steps[step].path
        switch run.steps[step].attempt?.row.state {
        case .failed, .timedOut, .lost, .cancelled: break
        default: return "'\(path)' failed and no attempt did"
        }
        if run.steps[step].attempt?.row.state == .lost, run.nodeOf(step).policy.retry == nil { return "'\(path)' is unknown, not failed" }
        return nextAttempt(step) == nil ? nil : "'\(path)' failed with attempts left"
    }

    private func cancelled(_ step: Int) -> String? {
        let scope = run.steps[step].scope
        if run.wasStopped || run.steps[step].attempt?.isStopping == true || !run.canGoOn(scope) || !run.hasItsTurn(scope) { return nil }
        if run.surroundings(of: step).contains(where: {
            run.isFailure($0.map) || !run.steps[$0.map].state.isActive || run.steps[$0.map].state == .running
        }) {
            return nil
        }
        return "'\(run.steps[step].path)' was cancelled by nobody"
    }

    func bodyEnded(_ outcome: RunState) -> String? {
        guard run.bodyOutcome == nil, run.hasEnded(PlanIndex.root) else { return "the flow ended while it went on" }
        let hasFailed = run.stepsOf(PlanIndex.root).contains(where: run.isFailure)
        let expected: RunState = run.cancellation != nil ? .cancelled : hasFailed ? .failed : .succeeded
        return outcome == expected ? nil : "the flow ended \(outcome), which is \(expected)"
    }

    // MARK: - Gates

    func voted(_ step: Int, _ vote: ApprovalRow.Vote) -> String? {
        guard case .approval(let spec) = run.nodeOf(step).kind, let approval = run.steps[step].approval, approval.state == .open,
            run.steps[step].state == .waiting
        else { return "a vote on a gate that is not open" }
        guard case .vote(_, let choice, let digest)? = command, let actor else { return "a vote that nobody gave" }
        if digest != approval.digest { return "a vote for another digest was counted" }
        if choice == .approved, vote.person == run.created.person, !spec.selfApproval { return "the requester approved" }
        if approval.votes.contains(where: { $0.person == vote.person }) { return "\(vote.person) voted twice" }
        if vote.person != actor.person || vote.decision != choice { return "another vote was counted than was given" }
        let isAdmitted = spec.rules.contains { rule in
            switch rule {
            case .anyone: true
            case .role(let role, _): actor.roles.contains(role)
            case .user(let name): actor.names.contains(name)
            }
        }
        return isAdmitted ? nil : "a vote of somebody whom no rule admits was counted"
    }

    func approvalClosed(_ step: Int, _ state: ApprovalRow.State) -> String? {
        guard let approval = run.steps[step].approval, approval.state == .open else { return "a gate closes twice" }
        switch state {
        case .approved: return isMet(step) ? nil : "a gate opened before its rules were met"
        case .rejected: return approval.votes.last?.decision == .rejected ? nil : "a gate is rejected and nobody did that"
        case .expired: return approval.deadline.map { $0 <= now } == true ? nil : "a gate expires before its deadline"
        case .cancelled: return nil
        case .open: return "a gate closes as open"
        }
    }

    private func mayFailGate(_ step: Int) -> Bool {
        let state = run.steps[step].approval?.state
        return state == .rejected || state == .expired
    }

    /// Whether each place of each rule can be given to another of those who approved: by trying all ways.
    func isMet(_ step: Int) -> Bool {
        guard case .approval(let spec) = run.nodeOf(step).kind, let votes = run.steps[step].approval?.votes else { return false }
        let places = spec.rules.flatMap { Array(repeating: $0, count: $0.count) }
        return Self.seat(places[...], votes.filter { $0.decision == .approved })
    }

    private static func seat(_ places: ArraySlice<ApprovalRule>, _ votes: [ApprovalRow.Vote]) -> Bool {
        guard let first = places.first else { return true }
        return votes.indices.contains { index in
            guard first.admits(names: votes[index].names, roles: votes[index].roles) else { return false }
            var rest = votes
            rest.remove(at: index)
            return seat(places.dropFirst(), rest)
        }
    }

    // MARK: - New generations

    func reopened(_ steps: Set<Int>) -> String? {
        if run.cancellation != nil { return "a cancelling run is taken up again" }
        for step in steps {
            let state = run.steps[step].state
            guard state.isSettled || state == .held || state == .unknown else { return "'\(run.steps[step].path)' is reopened and is \(state)" }
        }
        func isMissing(_ step: Int) -> Bool {
            let state = run.steps[step].state
            return !steps.contains(step) && (state.isSettled || state == .held || state == .unknown)
        }
        for step in steps {
            for around in run.surroundings(of: step) where isMissing(around.map) {
                return "'\(run.steps[step].path)' is reopened and '\(run.steps[around.map].path)' round it is not"
            }
        }
        if run.bodyOutcome != nil, let other = run.stepsOf(PlanIndex.finally).first(where: isMissing) {
            return "'\(run.steps[other].path)' does not run again at the end"
        }
        switch command {
        case .retry(from: let path?):
            guard let start = run.positions[path] else { return "what was reopened is no step" }
            return later(than: start).first(where: isMissing).map { "'\(run.steps[$0].path)' comes later and is not repeated" }
        case .retry(from: nil):
            let failed = run.steps.indices.first { isMissing($0) && (run.isFailure($0) || !run.steps[$0].state.isSettled) }
            return failed.map { "'\(run.steps[$0].path)' is \(run.steps[$0].state) and is not repeated" }
        case .skip(let path), .resolve(let path, _):
            return run.positions[path].map(steps.contains) == true ? nil : "another step is repeated than was named"
        case .redo, .undo, .edit: return nil
        default: return "nobody asked to repeat anything"
        }
    }

    /// The step, and all in its scope that come after it.
    private func later(than start: Int) -> Set<Int> {
        var found: Set<Int> = [start]
        for step in run.stepsOf(run.steps[start].scope) where run.needsOf(step).contains(where: found.contains) { found.insert(step) }
        return found
    }
}
