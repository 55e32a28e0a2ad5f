internal import FlowEngine
internal import FlowModel
internal import GRDB

extension StepRow {
    static let columns = """
        number, path, name, kind, state, reason, generation, output, outputDigest, outputBytes, changed, waiting, startedAt, \
        endedAt, \(AttemptRow.columns)
        """

    /// The largest index that a row number has room for.
    static let lastIndex = 1 << StoreLimits.stepIndexBits - 1

    /// The step's row number: all steps of a run lie side by side, in order.
    static func number(run: Int, index: Int) -> Int { run << StoreLimits.stepIndexBits | index }

    /// The columns of `columns`, in that order.
    init(_ query: borrowing Query, run: RunID) throws(StoreError) {
        self.init(
            run: run, index: try query.int(0) & (1 << StoreLimits.stepIndexBits - 1), path: StepPath(try query.text(1)),
            name: try query.text(2), kind: try query.text(3), state: try query.value(4, as: StepState.self),
            reason: try query.optionalText(5), generation: try query.int(6), output: try StepRow.output(query),
            changed: try query.optionalBool(10), waiting: try StepRow.waiting(query), startedAt: try query.optionalInstant(12),
            endedAt: try query.optionalInstant(13), attempt: query.isNull(14) ? nil : try AttemptRow(query, from: 14))
    }

    private static func output(_ query: borrowing Query) throws(StoreError) -> StoredValue? {
        if let value = try query.optionalJSON(7) { return .inline(value) }
        guard let digest = try query.optionalDigest(8) else { return nil }
        return .blob(digest, bytes: try query.int(9))
    }

    private static func waiting(_ query: borrowing Query) throws(StoreError) -> Waiting? {
        guard let json = try query.optionalJSON(11) else { return nil }
        guard let waiting = Waiting(json: json) else { throw query.corrupt(11, "is not a wait") }
        return waiting
    }

    func bind(to query: inout Query, run number: Int) {
        query.bind(StepRow.number(run: number, index: index))
        query.bind(path.text)
        query.bind(name)
        query.bind(kind)
        query.bind(state.rawValue)
        query.bind(reason)
        query.bind(generation)
        switch output {
        case .inline(let value):
            query.bind(value.canonical)
            query.bindNull()
            query.bindNull()
        case .blob(let digest, let bytes):
            query.bindNull()
            query.bind(digest)
            query.bind(bytes)
        case nil: for _ in 0..<3 { query.bindNull() }
        }
        query.bind(changed)
        query.bind(waiting?.json.canonical)
        query.bind(startedAt)
        query.bind(endedAt)
        if let attempt {
            attempt.bind(to: &query)
        } else {
            for _ in 0..<AttemptRow.columnCount { query.bindNull() }
        }
    }
}
