package import FlowModel

/// What happens to a gate beside its votes.
package enum GateEntry: Hashable, Sendable {
    /// Its deadline has passed: the next rules apply, until this one.
    case escalated(level: Int, deadline: Instant?)
    /// Those who may vote are told again then; nil: no more. `isSent`: they were told just now.
    case reminder(at: Instant?, isSent: Bool)
    /// What it is about has changed: what was voted does not count, and votes name this digest.
    case voided(reason: String, prompt: String, digest: Digest)
    /// One of its votes, by its place among all, does not count any more: its giver cannot give it now.
    case voteLost(Int, reason: String)
}

// MARK: - As JSON, in the journal and on the wire

extension GateEntry {
    /// The word for it.
    package var kind: String {
        switch self {
        case .escalated: "approvalEscalated"
        case .reminder: "approvalReminder"
        case .voided: "votesVoided"
        case .voteLost: "voteLost"
        }
    }

    package var details: [String: JSON] {
        var members: [String: JSON] = [:]
        switch self {
        case .escalated(let level, let deadline):
            members["level"] = .int(level)
            members["deadlineAt"] = deadline.map { .string($0.description) }
        case .reminder(let at, let isSent):
            members["sent"] = .bool(isSent)
            members["nextAt"] = at.map { .string($0.description) }
        case .voided(let reason, let prompt, let digest):
            members = ["reason": .string(reason), "prompt": .string(prompt), "digest": .string(digest.hex)]
        case .voteLost(let number, let reason): members = ["vote": .int(number), "reason": .string(reason)]
        }
        return members
    }

    /// nil when a member is missing or the kind is not known.
    init?(kind: String, details: JSON) {
        func instant(_ name: String) -> Instant? { details[name]?.stringValue.flatMap { Instant($0) } }
        switch kind {
        case "approvalEscalated":
            guard let level = details["level"]?.intValue else { return nil }
            self = .escalated(level: level, deadline: instant("deadlineAt"))
        case "approvalReminder":
            guard let isSent = details["sent"]?.boolValue else { return nil }
            self = .reminder(at: instant("nextAt"), isSent: isSent)
        case "votesVoided":
            guard let reason = details["reason"]?.stringValue, let prompt = details["prompt"]?.stringValue,
                let digest = details["digest"]?.stringValue.flatMap(Digest.init(hex:))
            else { return nil }
            self = .voided(reason: reason, prompt: prompt, digest: digest)
        case "voteLost":
            guard let number = details["vote"]?.intValue, let reason = details["reason"]?.stringValue else { return nil }
            self = .voteLost(number, reason: reason)
        default: return nil
        }
    }
}

// MARK: - Folding

extension Run {
    mutating func apply(_ entry: GateEntry, to step: Entry.StepRef, at: Instant) {
        update(step) { step in
            guard var approval = step.approval else { return }
            switch entry {
            case .escalated(let level, let deadline):
                approval.level = level
                approval.deadline = deadline
            case .reminder(let next, let isSent):
                approval.remindAt = next
                if isSent { approval.reminders += 1 }
            case .voided(let reason, let prompt, let digest): approval.void(reason, prompt, digest, at: at)
            case .voteLost(let number, let reason): if approval.votes.indices.contains(number) { approval.votes[number].voided = reason }
            }
            step.approval = approval
            step.waiting?.until = approval.deadline
            step.due = approval.due
        }
    }

    mutating func apply(_ vote: ApprovalRow.Vote, to step: Entry.StepRef) {
        update(step) { step in
            step.approval?.votes.append(vote)
            guard let digest = step.approval?.digest, let seal = vote.seal else { return }
            step.approval?.answers = vote.fields
            step.approval?.supersede(digest, by: seal, "\(vote.user) answered its fields", at: vote.at)
        }
    }
}

extension Approval {
    /// When the machine wants to look at it.
    var due: Instant? { [deadline, remindAt].compactMap { $0 }.min() }

    /// Those that count.
    package var standing: [ApprovalRow.Vote] { votes.filter { $0.voided == nil } }

    fileprivate mutating func void(_ reason: String, _ prompt: String, _ new: Digest, at: Instant) {
        for index in votes.indices where votes[index].voided == nil { votes[index].voided = reason }
        supersede(digest, by: new, reason, at: at)
        self.prompt = prompt
        answers = nil
    }

    fileprivate mutating func supersede(_ old: Digest, by new: Digest, _ reason: String, at: Instant) {
        superseded.append(ApprovalRow.Superseded(digest: old, reason: reason, at: at))
        superseded = superseded.suffix(Limits.supersededDigests)
        digest = new
        changes += 1
    }
}
