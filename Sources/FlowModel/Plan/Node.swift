/// A step of a plan.
package struct Node: Hashable, Sendable {
    /// Unique in the plan: the names of the enclosing maps and rollouts and its own, joined by `/`; in another part of a rollout than its
    /// body the own name follows `undo:` or `between:`.
    package var id: String
    /// Unique in its scope: `[a-z0-9][a-z0-9._-]{0,63}`.
    package var name: String
    /// The id of the enclosing map or rollout, or of the step that it undoes; nil at the top.
    package var scope: String?
    /// In which part of the rollout it stands.
    package var part: Part
    /// Runs after everything else in the run has ended, whatever its outcome.
    package var isFinally: Bool
    package var kind: Kind
    /// Ids of steps in the same scope that must have settled before this one starts: order and data.
    package var needs: [String]
    /// The branches of `when` that the step stands in; all must hold, else it is skipped.
    package var guards: [BranchGuard]
    package var policy: Policy
    /// The shape of what it writes to `$FLOW_OUTPUT` or returns, if declared.
    package var output: TypeShape?
    /// Not part of the revision.
    package var location: SourceLocation?

    package init(
        id: String, name: String, scope: String? = nil, part: Part = .body, isFinally: Bool = false, kind: Kind, needs: [String] = [],
        guards: [BranchGuard] = [], policy: Policy = Policy(), output: TypeShape? = nil, location: SourceLocation? = nil
    ) {
        self.id = id
        self.name = name
        self.scope = scope
        self.part = part
        self.isFinally = isFinally
        self.kind = kind
        self.needs = needs
        self.guards = guards
        self.policy = policy
        self.output = output
        self.location = location
    }

    /// The steps that a rollout has beside those of its body, or a step beside itself.
    package enum Part: String, Hashable, Sendable, Codable, CaseIterable {
        case body
        /// Takes back what the body did, target by target; or what the step did.
        case undo
        /// Runs after each batch but the last; the next one begins when it has succeeded.
        case between

        /// What stands before a step's name in ids and paths.
        package var prefix: String { self == .body ? "" : "\(rawValue):" }
    }

    /// What a step does.
    package enum Kind: Hashable, Sendable {
        /// Something that a worker does: a command, a file to a host. Output: what its kind says.
        case work(Work)
        /// Waits for people. Output: `{"decision":"approved","by":[names],"comment","output":{fields}}`.
        case approval(ApprovalSpec)
        /// Waits for the seconds that the expression gives. No output.
        case sleep(Expression)
        /// Waits until the moment that the expression gives, RFC 3339 in UTC. No output.
        case sleepUntil(Expression)
        /// Waits for a message from outside. Output: what came with it.
        case waitFor(SignalSpec)
        /// The condition of a `when`, decided once. Output: true or false. Named `when-N` by the DSL.
        case choice(Expression)
        /// Its body (the nodes whose scope it is) once per element. Output: the list of the bodies' last outputs, in order.
        case map(MapSpec)
        /// Its body again and again until a condition holds. Output: what the condition's end says.
        case repeatUntil(RepeatSpec)
        /// Its body once per target, in batches. Output: how many targets came to which outcome, `{"ok":…,"failed":…}`.
        case rollout(RolloutSpec)
        /// Another flow, as a run of its own. Output: that of its last step.
        case call(CallSpec)
    }

    /// Whether it has a body of its own.
    package var hasBody: Bool {
        switch kind {
        case .map, .rollout, .repeatUntil: true
        case .work, .approval, .sleep, .sleepUntil, .waitFor, .choice, .call: false
        }
    }

    /// It may say with `undo:` what takes back what it did; a rollout says so for its targets.
    package var canBeUndone: Bool {
        switch kind {
        case .work, .call: true
        case .approval, .sleep, .sleepUntil, .waitFor, .choice, .map, .repeatUntil, .rollout: false
        }
    }

    /// Its elements are hosts.
    package var isOverHosts: Bool {
        switch kind {
        case .map(let map): if case .hosts = map.elements { true } else { false }
        case .rollout: true
        case .work, .approval, .sleep, .sleepUntil, .waitFor, .choice, .repeatUntil, .call: false
        }
    }

    /// The selector of the hosts that it runs on: each of many, or the one.
    package var hosts: (selector: Expression, isMany: Bool)? {
        switch kind {
        case .work(let work): work.spec.target.map { ($0, false) }
        case .map(let spec): if case .hosts(let selector) = spec.elements { (selector, true) } else { nil }
        case .rollout(let spec): (spec.targets, true)
        case .approval, .sleep, .sleepUntil, .waitFor, .repeatUntil, .choice, .call: nil
        }
    }

    /// What a worker does in it; nil for what the engine does itself.
    package var work: (any WorkSpec)? { if case .work(let work) = kind { work.spec } else { nil } }

    /// The word for the kind on the wire.
    package var kindName: String {
        switch kind {
        case .work(let work): work.kind
        case .approval: "approval"
        case .sleep, .sleepUntil: "sleep"
        case .waitFor: "waitFor"
        case .repeatUntil: "repeatUntil"
        case .choice: "when"
        case .map: "map"
        case .rollout: "rollout"
        case .call: "call"
        }
    }
}

/// A branch of a `when` that a step stands in.
package struct BranchGuard: Hashable, Sendable, Codable {
    /// The id of the choice node.
    package var choice: String
    /// The answer that the step needs: true for `when`, false for `otherwise`.
    package var answer: Bool

    package init(choice: String, answer: Bool) {
        self.choice = choice
        self.answer = answer
    }
}

package struct MapSpec: Hashable, Sendable {
    package enum Elements: Hashable, Sendable {
        /// The hosts of a selector, frozen when the run started; an element is `{"name","address","port","user","labels"}`.
        case hosts(Expression)
        /// A list value.
        case list(Expression)
    }

    package var elements: Elements
    /// Elements in progress at once, at least 1.
    package var width: Int
    /// How many must succeed; nil: all, and none is begun after the first failure.
    package var minSucceeded: Amount?
    /// Every element has its turn, whatever became of the others, and the step fails in the end if one of them did. nil: no.
    package var keepsGoing: Bool?
    /// What is done to each element, for people; nil where the steps say it.
    package var title: String?

    package init(elements: Elements, width: Int, minSucceeded: Amount? = nil, keepsGoing: Bool? = nil, title: String? = nil) {
        self.elements = elements
        self.width = width
        self.minSucceeded = minSucceeded
        self.keepsGoing = keepsGoing
        self.title = title
    }
}
