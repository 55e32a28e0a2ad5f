internal import FlowEngine
internal import FlowModel

extension AttemptRow {
    /// In the order that they are bound and read, in `step` as in `attempt`.
    static let columns = """
        attempt, attemptGeneration, attemptState, target, worker, exitStatus, signal, attemptStartedAt, attemptEndedAt, \
        message, containment, streamBytes, truncated
        """
    static let columnCount: CInt = 13

    /// Reads `columns` from position `first` on.
    init(_ query: borrowing Query, from first: CInt) throws(StoreError) {
        let containment = query.isNull(first + 10) ? nil : try query.value(first + 10, as: Containment.self)
        self.init(
            number: try query.int(first), generation: try query.int(first + 1),
            state: try query.value(first + 2, as: AttemptState.self), target: try query.optionalText(first + 3),
            worker: try query.text(first + 4), exitStatus: try query.optionalInt(first + 5),
            signal: try query.optionalInt(first + 6), startedAt: try query.instant(first + 7),
            endedAt: try query.optionalInstant(first + 8), message: try query.optionalText(first + 9),
            containment: containment, outputBytes: try query.int(first + 11), truncated: try query.bool(first + 12))
    }

    func bind(to query: inout Query) {
        query.bind(number)
        query.bind(generation)
        query.bind(state.rawValue)
        query.bind(target)
        query.bind(worker)
        query.bind(exitStatus)
        query.bind(signal)
        query.bind(startedAt)
        query.bind(endedAt)
        query.bind(message)
        query.bind(containment?.rawValue)
        query.bind(outputBytes)
        query.bind(truncated)
    }
}
