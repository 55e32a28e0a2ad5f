import FlowModel

// MARK: - Opening

extension RunMachine {
    mutating func openApproval(_ number: Int, _ approval: ApprovalSpec) throws(EvaluationError) {
        let prompt = SealedText.redacted(try approval.prompt.evaluate(in: scope(of: number))).text
        let deadline = approval.deadlineSeconds.map { context.now + $0 }
        emit(.approvalOpened(ref(number), prompt: prompt, digest: bindingDigest(number, prompt: prompt, changes: 0), deadline: deadline))
        if let seconds = approval.remindSeconds { emit(.gate(ref(number), .reminder(at: context.now + seconds, isSent: false))) }
        tell("approval.waiting", number)
    }

    /// Tells those outside who may vote.
    mutating func tell(_ kind: String, _ number: Int, _ more: [String: JSON] = [:]) {
        guard let approval = run.steps[number].approval, case .approval(let spec) = node(number).kind else { return }
        var notice: [String: JSON] = [
            "kind": .string(kind), "run": .string(run.id.text), "flow": .string(run.created.flow),
            "step": .string(run.steps[number].path.text), "prompt": .string(approval.prompt), "digest": .string(approval.digest.hex),
            "requester": .string(run.created.user), "since": .string(approval.since.description),
            "rules": .string(ApprovalRule.all(spec.rules(at: approval.level)).text),
        ]
        if let deadline = approval.deadline { notice["deadlineAt"] = .string(deadline.description) }
        decision.notices.append(.object(notice.merging(more) { $1 }))
    }

    /// What a vote is bound to: revision, programs, inputs, resolved targets, the commands behind the gate as far as they are known, the step and its
    /// generation, and what was asked.
    private func bindingDigest(_ number: Int, prompt: String, changes: Int) -> Digest {
        let step = run.steps[number]
        let targets = run.created.targets.mapValues { hosts in
            JSON.array(hosts.map { .string("\($0.name) \($0.address):\($0.port)") })
        }
        var content: [String: JSON] = [
            "revision": .string(run.created.revision.hex), "binaries": .array(binaries), "inputs": .object(run.created.inputs),
            "targets": .object(targets),
            "run": .string(run.id.text), "step": .string(step.path.text), "generation": .int(step.generation),
            "prompt": .string(prompt), "commands": .object(commands(behind: number)),
        ]
        if changes > 0 { content["changes"] = .int(changes) }
        let batches = batchesAround(number)
        if !batches.isEmpty { content["batches"] = .object(batches) }
        return context.hash(JSON.object(content).canonicalBytes)
    }

    /// Where the batches end of the rollouts between whose batches the gate stands.
    private func batchesAround(_ number: Int) -> [String: JSON] {
        run.scopesAround(run.steps[number].scope).reduce(into: [:]) { found, around in
            guard run.scopes[around.scope].part == .between, let ends = run.rollouts[around.step]?.ends else { return }
            found[run.steps[around.step].path.text] = .array(ends.map(JSON.int))
        }
    }

    /// The programs of Swift steps: the run's own, and those of the flows that it calls. Scripts are in the revision, by digest.
    private var binaries: [JSON] {
        func all(_ plan: Plan, _ own: Digest?) -> [JSON] {
            [own.map { .string($0.hex) } ?? .null] + (plan.calls ?? []).flatMap { all($0.plan, $0.binary ?? own) }
        }
        return all(run.plan, run.created.binary)
    }

    /// The values in the commands that the gate holds back. Those that are made later are null; the revision holds what is constant.
    private func commands(behind gate: Int) -> [String: JSON] {
        let scope = scope(of: gate)
        var commands: [String: JSON] = [:]
        for node in run.nodes(behind: gate) {
            let values = node.kind.bound.map { (try? $0.evaluate(in: scope)) ?? .null }
            if !values.isEmpty { commands[node.id] = .array(values) }
        }
        return commands
    }
}

extension Node.Kind {
    /// The values that decide what is done behind an approval, beside what is constant. Where that is decided by the targets of the run, by people or
    /// by the time of the day, votes are bound to those.
    fileprivate var bound: [Expression] {
        switch self {
        case .work(let work): work.spec.bound
        case .call(let call): call.inputs.sorted { $0.key < $1.key }.map(\.value)
        case .choice(let condition): [condition]
        case .map(let map):
            switch map.elements {
            case .hosts(let elements), .list(let elements): [elements]
            }
        case .rollout(let rollout): [rollout.targets]
        case .approval, .sleep, .sleepUntil, .waitFor, .repeatUntil: []
        }
    }
}

// MARK: - Time

extension RunMachine {
    /// The deadline of a gate has come, or the moment to tell people again.
    mutating func fireApproval(_ number: Int) {
        guard let approval = run.steps[number].approval, case .approval(let spec) = node(number).kind else { return }
        if let deadline = approval.deadline, context.hasCome(deadline) { return lapse(number, spec, approval) }
        guard let remindAt = approval.remindAt, context.hasCome(remindAt), let seconds = spec.remindSeconds else { return }
        let isLast = approval.reminders + 1 >= Limits.reminders
        emit(.gate(ref(number), .reminder(at: isLast ? nil : context.now + seconds, isSent: true)))
        tell("approval.waiting", number, ["reminder": .int(approval.reminders + 1)])
    }

    private mutating func lapse(_ number: Int, _ spec: ApprovalSpec, _ approval: Approval) {
        switch spec.outlook(at: approval.level) {
        case .escalate(let next):
            let deadline = next.deadlineSeconds.map { context.now + $0 }
            emit(.gate(ref(number), .escalated(level: approval.level + 1, deadline: deadline)))
            // Votes stay: what is there may be enough for the rules that apply now.
            grantIfMet(number, spec)
            if run.steps[number].approval?.state == .open { tell("approval.escalated", number, ["level": .int(approval.level + 1)]) }
        case .approve:
            var answers = approval.answers
            if !spec.fields.isEmpty, answers == nil {
                // Plans are refused in which a field has no default here.
                answers = Dictionary(uniqueKeysWithValues: spec.fields.compactMap { field in field.fallback.map { (field.name, $0) } })
            }
            let reason = "nobody decided before the deadline, which approves"
            settle(number, .succeeded, reason: reason, value: output(by: [], comment: reason, answers))
        case .reject:
            emit(.approvalClosed(ref(number), .expired))
            fail(number, "rejected: nobody decided before the deadline")
        }
    }

    // MARK: - Changes

    /// The votes on an open gate do not count any more: what they were bound to has changed, for this reason. It is asked anew.
    ///
    /// A gate that was decided is opened again with its generation; a new generation has no votes.
    mutating func voidVotes(of number: Int, reason: String) {
        guard let approval = run.steps[number].approval, approval.state == .open, run.steps[number].state == .waiting,
            case .approval(let spec) = node(number).kind
        else { return }
        let prompt: String
        do throws(EvaluationError) {
            prompt = SealedText.redacted(try spec.prompt.evaluate(in: scope(of: number))).text
        } catch {
            return settle(number, because: error)
        }
        let digest = bindingDigest(number, prompt: prompt, changes: approval.changes + 1)
        emit(.gate(ref(number), .voided(reason: reason, prompt: prompt, digest: digest)))
        tell("approval.waiting", number, ["changed": .string(reason)])
    }

    /// The same for every gate that is open.
    mutating func voidVotes(reason: String) {
        for number in run.steps.indices where run.steps[number].approval?.state == .open { voidVotes(of: number, reason: reason) }
    }
}
