import FlowModel

/// What will happen in the world of a rehearsal, and when. Of what is due together comes first what was planned first.
struct Agenda {
    enum Happening {
        /// Its host has taken it and confirmed its start.
        case begun(AttemptOrder)
        case ended(AttemptOrder, AttemptResult)
        case vote(RunID, StepPath, RehearsalScript.Verdict)
        case message(RunID, StepPath, signal: String)
        case called(CallOrder)
        case found(HostSearch)
    }

    private struct Item {
        var due: Instant
        var number: Int
        var happening: Happening
    }

    /// The next one last.
    private var items: [Item] = []
    private var planned = 0

    var next: Instant? { items.last?.due }

    mutating func plan(_ happening: Happening, at due: Instant) {
        planned += 1
        // A few at once, nearly always later than all others: it is looked for from the end of those due last.
        let place = items.firstIndex { ($0.due, $0.number) < (due, planned) } ?? items.endIndex
        items.insert(Item(due: due, number: planned, happening: happening), at: place)
    }

    mutating func take(at now: Instant) -> Happening? {
        guard let last = items.last, last.due <= now else { return nil }
        return items.removeLast().happening
    }

    /// Drops what was planned for the attempt.
    mutating func drop(_ id: AttemptID) {
        items.removeAll { item in
            switch item.happening {
            case .begun(let order), .ended(let order, _): order.id == id
            case .vote, .message, .called, .found: false
            }
        }
    }
}
