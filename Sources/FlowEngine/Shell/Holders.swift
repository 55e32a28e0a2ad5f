import FlowModel

/// Those who have something at the same time.
struct Holders: Sendable {
    private typealias ID = ClaimRow.ID

    private(set) var all: [ClaimRow.ID: Demand] = [:]
    /// Of those in `all`, worked out as they come and go.
    private var weight = 0
    private var exclusive = 0
    /// Those in runs that others called.
    private var called: [ClaimRow.ID: ClaimRow] = [:]

    mutating func add(_ demand: Demand, of row: ClaimRow) {
        all[row.id] = demand
        weight += demand.weight
        exclusive += demand.isExclusive ? 1 : 0
        if !row.callers.isEmpty { called[row.id] = row }
    }

    mutating func remove(_ demand: Demand, of id: ClaimRow.ID) {
        guard all.removeValue(forKey: id) != nil else { return }
        weight -= demand.weight
        exclusive -= demand.isExclusive ? 1 : 0
        called[id] = nil
    }

    /// Whether one more can have this beside them. Those around the steps that called its run leave room for it.
    /// - Parameter row: nil: of a run that nobody called.
    func leave(room demand: Demand, for row: ClaimRow? = nil) -> Bool {
        let called = row.flatMap { $0.callers.isEmpty ? nil : $0 }
        return switch demand.kind {
        case .exclusive, .overlap: all.isEmpty || called.map { all.keys.allSatisfy($0.wasCalled(within:)) } ?? false
        case .shared: exclusive == 0 || called.map { row in all.allSatisfy { !$1.isExclusive || row.wasCalled(within: $0) } } ?? false
        case .slots(_, let of): taken(with: demand.weight, of: called) <= of
        case .rate: true
        }
    }

    /// The slots that would be taken with so many more. Those of runs that a holder called are taken out of its own, and count as far as they
    /// are more.
    private func taken(with more: Int, of row: ClaimRow?) -> Int {
        guard !called.isEmpty || row != nil else { return weight + more }
        let byRun = Dictionary(grouping: all.keys, by: \.run)
        var inner: [ID: [(id: ID, weight: Int)]] = [:]
        var outermost: [(id: ID?, weight: Int)] = []
        func place(_ row: ClaimRow?, _ weight: Int, as id: ID?) {
            if let row, let outer = nearest(around: row, byRun) {
                inner[outer, default: []].append((row.id, weight))
            } else {
                outermost.append((id, weight))
            }
        }
        for (id, demand) in all { place(called[id], demand.weight, as: id) }
        place(row, more, as: nil)
        func taken(_ id: ID?, _ weight: Int) -> Int {
            max(weight, (id.flatMap { inner[$0] } ?? []).reduce(0) { $0 + taken($1.id, $1.weight) })
        }
        return outermost.reduce(0) { $0 + taken($1.id, $1.weight) }
    }

    /// The innermost of those around the steps that called its run.
    private func nearest(around row: ClaimRow, _ byRun: [RunID: [ID]]) -> ID? {
        for caller in row.callers {
            let outer = (byRun[caller.run] ?? []).filter { $0.step.encloses(caller.step) }
            // Of what encloses the same step, the run's own is outermost, and the longest path innermost.
            if let found = outer.max(by: { $0.depth < $1.depth }) { return found }
        }
        return nil
    }
}

extension ClaimRow.ID {
    fileprivate var depth: Int { step == Run.ownPath ? 0 : step.text.utf8.count }
}

extension Demand {
    /// Plans are checked; what a journal has from before is held to the same bound.
    fileprivate var weight: Int { if case .slots(let weight, _) = kind { min(max(weight, 0), Limits.slots) } else { 0 } }
    fileprivate var isExclusive: Bool { kind == .exclusive || kind == .overlap }
}
