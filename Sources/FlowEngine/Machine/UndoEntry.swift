package import FlowModel

/// What happens while a run, or a part of it, is undone.
package enum UndoEntry: Hashable, Sendable {
    /// These are undone: the items of a stage together, a stage when the one before it is over.
    case began(stages: [[Item]])
    case opened(Item)
    case closed(Item, UndoState)
    /// Nothing more is undone, whether or not all was.
    case ended

    /// Something that was done and says how it is taken back: a step with `undo:`, or a target of a rollout that has one.
    package struct Item: Hashable, Sendable, Comparable {
        package var step: Entry.StepRef
        /// The number of the target; nil for a step.
        package var element: Int?

        package static func < (one: Item, other: Item) -> Bool {
            (one.step.index, one.element ?? -1) < (other.step.index, other.element ?? -1)
        }

        package init(_ step: Entry.StepRef, element: Int? = nil) {
            self.step = step
            self.element = element
        }
    }
}

/// An undo in progress.
package struct RunUndo: Hashable, Sendable {
    /// What has not begun; the next stage last, and in it the next group, and in that the next item.
    package internal(set) var stages: [[Group]]
    package internal(set) var open: Set<UndoEntry.Item> = []
    /// An item could not be undone: no other stage is begun.
    package internal(set) var hasFailed = false
    /// The next stage has begun: it goes on, since nothing in it stands on anything else of it.
    package internal(set) var hasBegunStage = false
    package internal(set) var undone = 0
    /// All that it is to take back.
    package let asked: [[UndoEntry.Item]]
    package let count: Int

    /// The targets of a rollout, of which only so many are undone at once; or the steps.
    package struct Group: Hashable, Sendable {
        /// The rollout; nil: steps.
        package let rollout: Int?
        package internal(set) var items: [UndoEntry.Item]
        /// How many of its targets are being undone; steps are not counted, since any number of them are undone at once.
        package internal(set) var open = 0
    }

    init(stages: [[UndoEntry.Item]]) {
        self.stages = stages.reversed().map { stage in
            var groups: [Group] = []
            for item in stage.reversed() {
                let rollout = item.element.map { _ in item.step.index }
                if groups.last?.rollout != rollout || groups.isEmpty { groups.append(Group(rollout: rollout, items: [])) }
                groups[groups.count - 1].items.append(item)
            }
            return groups
        }
        asked = stages
        count = stages.reduce(0) { $0 + $1.count }
    }

    mutating func opened(_ item: UndoEntry.Item) {
        open.insert(item)
        hasBegunStage = true
        guard let stage = stages.indices.last else { return }
        // The next of its group in nearly every case.
        let found = stages[stage].lastIndex { $0.items.last == item } ?? stages[stage].lastIndex { $0.items.contains(item) }
        guard let group = found, let place = stages[stage][group].items.lastIndex(of: item) else { return }
        stages[stage][group].items.remove(at: place)
        if item.element != nil { stages[stage][group].open += 1 }
    }

    mutating func closed(_ item: UndoEntry.Item, _ state: UndoState) {
        open.remove(item)
        if state == .undone { undone += 1 } else { hasFailed = true }
        guard let stage = stages.indices.last else { return }
        if let rollout = item.element.map({ _ in item.step.index }), let group = stages[stage].firstIndex(where: { $0.rollout == rollout }) {
            stages[stage][group].open -= 1
        }
        if open.isEmpty, stages[stage].allSatisfy(\.items.isEmpty) {
            stages.removeLast()
            hasBegunStage = false
        }
    }

    /// Nothing more is begun, although something is left.
    var isAtItsEnd: Bool { stages.isEmpty || hasFailed && !hasBegunStage }
}

/// What became of the undo of a step.
package struct StepUndo: Hashable, Sendable {
    /// The scope of the steps that undo it.
    package internal(set) var scope: Int
    /// nil when the step has been done again since.
    package internal(set) var state: UndoState?
}

// MARK: - As JSON, in the journal and on the wire

extension UndoEntry {
    /// The word for it.
    package var kind: String {
        switch self {
        case .began: "runUndoBegan"
        case .opened: "stepUndoBegan"
        case .closed: "stepUndone"
        case .ended: "runUndoEnded"
        }
    }

    package var details: [String: JSON] {
        switch self {
        case .began(let stages): ["stages": .array(stages.map { .array($0.map(\.json)) })]
        case .opened(let item): ["item": item.json]
        case .closed(let item, let state): ["item": item.json, "undo": .string(state.rawValue)]
        case .ended: [:]
        }
    }

    /// nil when a member is missing or the kind is not known.
    init?(kind: String, details: JSON) {
        let item = details["item"].flatMap(Item.init(json:))
        switch kind {
        case "runUndoBegan":
            guard let stages = details["stages"]?.arrayValue else { return nil }
            self = .began(stages: stages.map { $0.arrayValue?.compactMap(Item.init(json:)) ?? [] })
        case "stepUndoBegan":
            guard let item else { return nil }
            self = .opened(item)
        case "stepUndone":
            guard let item, let state = details["undo"]?.stringValue.flatMap(UndoState.init(rawValue:)) else { return nil }
            self = .closed(item, state)
        case "runUndoEnded": self = .ended
        default: return nil
        }
    }
}

extension UndoEntry.Item {
    fileprivate var json: JSON {
        var members: [String: JSON] = ["step": .string(step.path.text), "index": .int(step.index)]
        members["target"] = element.map(JSON.int)
        return .object(members)
    }

    fileprivate init?(json: JSON) {
        guard let path = json["step"]?.stringValue, let index = json["index"]?.intValue else { return nil }
        self.init(Entry.StepRef(index: index, path: StepPath(path)), element: json["target"]?.intValue)
    }
}
