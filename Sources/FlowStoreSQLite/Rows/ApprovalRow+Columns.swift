internal import FlowEngine
internal import FlowModel

extension ApprovalRow {
    static let columns =
        "run, runID, path, generation, flow, state, prompt, rules, digest, requester, since, deadline, votes, terms"

    /// The columns of `columns`, in that order.
    init(_ query: borrowing Query) throws(StoreError) {
        self.init(
            run: try query.runID(1), flow: try query.text(4), step: StepPath(try query.text(2)),
            generation: try query.int(3), state: try query.value(5, as: State.self), prompt: try query.text(6),
            rules: try ApprovalRow.decode([ApprovalRule].self, query, 7), digest: try query.digest(8),
            requester: try query.text(9), since: try query.instant(10), deadline: try query.optionalInstant(11),
            votes: try ApprovalRow.decode([Vote].self, query, 12), terms: try ApprovalRow.terms(query, 13))
    }

    private static func decode<Value: Decodable>(
        _ type: Value.Type, _ query: borrowing Query, _ column: CInt
    ) throws(StoreError) -> Value {
        let json = try query.json(column)
        do {
            return try json.decode(as: type)
        } catch {
            throw query.corrupt(column, "\(error)")
        }
    }

    /// Rows of versions that had none say nothing beside the rules.
    private static func terms(_ query: borrowing Query, _ column: CInt) throws(StoreError) -> Terms {
        guard try query.optionalText(column) != nil else { return Terms() }
        return try decode(Terms.self, query, column)
    }

    func bind(to query: inout Query, run number: Int) throws {
        query.bind(number)
        query.bind(run.text)
        query.bind(step.text)
        query.bind(generation)
        query.bind(flow)
        query.bind(state.rawValue)
        query.bind(prompt)
        query.bind(try JSON(encoding: rules).canonical)
        query.bind(digest)
        query.bind(requester)
        query.bind(since)
        query.bind(deadline)
        query.bind(try JSON(encoding: votes).canonical)
        query.bind(terms == Terms() ? nil : try JSON(encoding: terms).canonical)
    }
}
