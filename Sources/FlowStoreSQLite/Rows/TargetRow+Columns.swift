internal import FlowEngine
internal import FlowModel

extension TargetRow {
    static let columns = "run, step, position, name, batch, outcome, isRunning, undo, reason, startedAt, endedAt"

    /// The columns of `columns`, in that order.
    init(_ query: borrowing Query, run: RunID) throws(StoreError) {
        self.init(
            run: run, step: try query.int(1), position: try query.int(2), name: try query.text(3), batch: try query.int(4),
            outcome: try query.value(5, as: TargetOutcome.self), isRunning: try query.bool(6),
            undo: query.isNull(7) ? nil : try query.value(7, as: UndoState.self), reason: try query.optionalText(8),
            startedAt: try query.optionalInstant(9), endedAt: try query.optionalInstant(10))
    }

    func bind(to query: inout Query, run number: Int) {
        query.bind(number)
        query.bind(step)
        query.bind(position)
        query.bind(name)
        query.bind(batch)
        query.bind(outcome.rawValue)
        query.bind(isRunning)
        query.bind(undo?.rawValue)
        query.bind(reason)
        query.bind(startedAt)
        query.bind(endedAt)
    }
}
