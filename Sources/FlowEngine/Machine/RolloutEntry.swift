package import FlowModel

/// What happens to a rollout as a whole. Targets begin and end as elements do.
package enum RolloutEntry: Hashable, Sendable {
    /// The elements of the step are its targets, in batches that end at these; the last ones have no turn, for these reasons.
    case opened(ends: [Int], leftOut: [String] = [])
    case batchBegan(Int)
    case soaking(until: Instant)
    case soaked
    /// As many targets have begun as may in a stretch of time: the next one not before then, or (nil) now.
    case paced(until: Instant?)
    /// What stands between batches has begun, after this one.
    case betweenOpened(batch: Int)
    /// No further target is begun, for this reason.
    case breached(reason: String)
    /// A held rollout goes on.
    case released
    case adjusted(RolloutAdjustment, ends: [Int])
    /// These targets, and no others, have their turn again.
    case requeued([Int])
    /// These targets are undone, in this order.
    case undoBegan([Int])
    case undoOpened(Int)
    case undoClosed(Int, UndoState)
    case undoEnded
    /// It has failed, and more of it was undone since: why, as it is now.
    case undoTold(reason: String)
}

// MARK: - As JSON, in the journal and on the wire

extension RolloutEntry {
    /// The word for it.
    package var kind: String {
        switch self {
        case .opened: "rolloutOpened"
        case .batchBegan: "batchBegan"
        case .soaking: "rolloutSoaking"
        case .soaked: "rolloutSoaked"
        case .paced: "rolloutPaced"
        case .betweenOpened: "betweenOpened"
        case .breached: "rolloutBreached"
        case .released: "rolloutReleased"
        case .adjusted: "rolloutAdjusted"
        case .requeued: "targetsRequeued"
        case .undoBegan: "undoBegan"
        case .undoOpened: "targetUndoBegan"
        case .undoClosed: "targetUndone"
        case .undoEnded: "undoEnded"
        case .undoTold: "undoTold"
        }
    }

    /// Batches and targets are counted from 0, as everywhere in the journal.
    package var details: [String: JSON] {
        func list(_ numbers: [Int]) -> JSON { .array(numbers.map(JSON.int)) }
        switch self {
        case .opened(let ends, let leftOut):
            return ["ends": list(ends)].merging(leftOut.isEmpty ? [:] : ["leftOut": .array(leftOut.map(JSON.string))]) { $1 }
        case .paced(let until): return until.map { ["until": .string($0.description)] } ?? [:]
        case .batchBegan(let batch), .betweenOpened(let batch): return ["batch": .int(batch)]
        case .soaking(let until): return ["until": .string(until.description), "state": .string(StepState.waiting.rawValue)]
        case .soaked, .released: return ["state": .string(StepState.running.rawValue)]
        case .undoEnded: return [:]
        case .breached(let reason): return ["reason": .string(reason)]
        case .undoTold(let reason): return ["reason": .string(reason), "state": .string(StepState.failed.rawValue)]
        case .adjusted(let adjustment, let ends):
            var members = ["ends": list(ends)]
            members["maxFailures"] = (adjustment.maxFailures?.description).map(JSON.string)
            members["concurrency"] = (adjustment.concurrency?.description).map(JSON.string)
            members["startRate"] = (adjustment.startRate?.description).map(JSON.string)
            members["batches"] = (adjustment.batches?.text).map(JSON.string)
            members["pauseAfterBatch"] = adjustment.pauseAfterBatch.map(JSON.int)
            return members
        case .requeued(let targets), .undoBegan(let targets): return ["targets": list(targets)]
        case .undoOpened(let target): return ["target": .int(target)]
        case .undoClosed(let target, let state): return ["target": .int(target), "undo": .string(state.rawValue)]
        }
    }

    /// nil when a member is missing or the kind is not known.
    init?(kind: String, details: JSON) {
        func list(_ name: String) -> [Int]? { details[name]?.arrayValue?.compactMap(\.intValue) }
        func number(_ name: String) -> Int? { details[name]?.intValue }
        let made: RolloutEntry? =
            switch kind {
            case "rolloutOpened":
                list("ends").map { .opened(ends: $0, leftOut: details["leftOut"]?.arrayValue?.map(\.text) ?? []) }
            case "rolloutPaced": .paced(until: details["until"]?.stringValue.flatMap { Instant($0) })
            case "batchBegan": number("batch").map { .batchBegan($0) }
            case "rolloutSoaking": details["until"]?.stringValue.flatMap { Instant($0) }.map { .soaking(until: $0) }
            case "rolloutSoaked": .soaked
            case "betweenOpened": number("batch").map { .betweenOpened(batch: $0) }
            case "rolloutBreached": details["reason"]?.stringValue.map { .breached(reason: $0) }
            case "rolloutReleased": .released
            case "rolloutAdjusted": list("ends").map { .adjusted(RolloutAdjustment(details: details), ends: $0) }
            case "targetsRequeued": list("targets").map { .requeued($0) }
            case "undoBegan": list("targets").map { .undoBegan($0) }
            case "targetUndoBegan": number("target").map { .undoOpened($0) }
            case "targetUndone":
                number("target").flatMap { target in
                    details["undo"]?.stringValue.flatMap(UndoState.init(rawValue:)).map { .undoClosed(target, $0) }
                }
            case "undoEnded": .undoEnded
            case "undoTold": details["reason"]?.stringValue.map { .undoTold(reason: $0) }
            default: nil
            }
        guard let made else { return nil }
        self = made
    }
}

extension RolloutAdjustment {
    fileprivate init(details: JSON) {
        self.init(
            maxFailures: details["maxFailures"]?.stringValue.flatMap { Amount($0) },
            concurrency: details["concurrency"]?.stringValue.flatMap { Amount($0) },
            startRate: details["startRate"]?.stringValue.flatMap { StartRate($0) },
            batches: details["batches"]?.stringValue.flatMap { try? BatchSizes($0) },
            pauseAfterBatch: details["pauseAfterBatch"]?.intValue)
    }
}
