package import FlowModel

/// What happens at the gate that freezes and windows close: before a run's first step, or before a batch of a rollout.
package struct ChangeGateEntry: Hashable, Sendable {
    package enum Change: Hashable, Sendable {
        /// A freeze or window keeps it from going on.
        case closed(ChangeClosure)
        /// Nothing closes it any more.
        case opened
        /// This user broke the glass: it goes on all the same.
        case passed(user: String)
    }

    /// The rollout; nil is the run itself.
    package var step: Entry.StepRef?
    package var change: Change

    package init(_ step: Entry.StepRef?, _ change: Change) {
        self.step = step
        self.change = change
    }
}

/// A gate that is closed.
package struct ClosedGate: Hashable, Sendable {
    package internal(set) var closure: ChangeClosure
    package internal(set) var since: Instant
    /// The batch of the rollout that waits at it, from 0.
    package internal(set) var batch: Int?
}

// MARK: - As JSON, in the journal and on the wire

extension ChangeGateEntry {
    /// The word for it.
    package var kind: String {
        switch change {
        case .closed: "gateClosed"
        case .opened: "gateOpened"
        case .passed: "gatePassed"
        }
    }

    package var details: [String: JSON] {
        var members: [String: JSON] = [:]
        if let step { members["step"] = .string(step.path.text) }
        switch change {
        case .closed(let closure):
            members[closure.kind.rawValue] = .string(closure.rule)
            members["reason"] = .string(closure.reason)
            members["until"] = (closure.until?.description).map(JSON.string)
            members["state"] = .string(StepState.waiting.rawValue)
        case .opened: break
        case .passed(let user): members["actor"] = .string(user)
        }
        return members
    }

    /// As the journal keeps it: with the number of the step.
    var stored: JSON {
        var members = details
        if let step { members["index"] = .int(step.index) }
        return .object(members)
    }

    /// nil when a member is missing or the kind is not known.
    init?(kind: String, stored: JSON) {
        var step: Entry.StepRef?
        if let path = stored["step"]?.stringValue {
            guard let index = stored["index"]?.intValue else { return nil }
            step = Entry.StepRef(index: index, path: StepPath(path))
        }
        switch kind {
        case "gateClosed":
            for kind in ChangeRuleKind.allCases {
                guard let rule = stored[kind.rawValue]?.stringValue, let reason = stored["reason"]?.stringValue else { continue }
                let until = stored["until"]?.stringValue.flatMap { Instant($0) }
                self.init(step, .closed(ChangeClosure(kind: kind, rule: rule, reason: reason, until: until)))
                return
            }
            return nil
        case "gateOpened": self.init(step, .opened)
        case "gatePassed":
            guard let user = stored["actor"]?.stringValue else { return nil }
            self.init(step, .passed(user: user))
        default: return nil
        }
    }
}
