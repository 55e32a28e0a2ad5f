package import FlowModel

/// Who has which lock, slot or turn, and who is next: all claims of one database, found by their names.
///
/// ```swift
/// table.set(row)                              // somebody asks, or has it, or (remove) is done with it
/// while let id = table.next(at: now) { … }    // whose turn it is; the run is told, and its row set as granted
/// ```
/// A value, and nothing but an order of rows: it is made from them when an engine starts, and no run has to be loaded for that.
///
/// The rules. Somebody has all that is asked for or nothing. A line is in the order of `Priority.rank`. Who needs several stands in several
/// lines, and has a turn when at the head of each: nobody who needs less overtakes. Who waits inside something that is held already goes
/// first, since others may wait for the end of that; one who would so wait for itself is refused (`deadlock`). Hence somebody at the head of
/// everything only ever waits for holders, and each of those for nobody who waits for it.
///
/// What is held around a step that calls another flow is held for the called run, too, and for those that it calls: it goes beside what they
/// ask for, and what they ask for is told apart from one another. Only who shares something cannot have it alone further in.
package struct LeaseTable: Sendable {
    package typealias ID = ClaimRow.ID

    package private(set) var rows: [ID: ClaimRow] = [:]
    private var lines: [String: Line] = [:]
    private var paths: [RunID: Set<StepPath>] = [:]
    private var rates: [String: RateRow] = [:]
    /// Lines in which somebody may have a turn.
    private var touched: Set<String> = []
    /// Lines whose head waits for time to pass only.
    private var moments: [String: Instant] = [:]
    /// Rows and rates as they were before the transaction that goes on.
    private var formerRows: [ID: ClaimRow?] = [:]
    private var formerRates: [String: RateRow?] = [:]

    package init(rows: [ClaimRow] = [], rates: [RateRow] = [], now: Instant = Instant(milliseconds: 0)) {
        for rate in rates {
            self.rates[rate.name] = rate
            guard let last = rate.starts.last, last + rate.seconds <= now else { continue }
            // Nothing of it counts any more: it goes with the next commit.
            formerRates[rate.name] = .some(rate)
            self.rates[rate.name]?.starts = []
        }
        // Holders first: what lies within something that is held knows that.
        for row in rows where row.isGranted { enter(row) }
        for row in rows where !row.isGranted { enter(row) }
    }

    // MARK: - Changing

    package mutating func set(_ row: ClaimRow) {
        let old = rows[row.id]
        guard old != row else { return }
        if formerRows[row.id] == nil { formerRows[row.id] = .some(old) }
        leave(row.id)
        enter(row)
        if let old, !old.isGranted, let at = row.grantedAt { count(row.demands, at: at) }
    }

    package mutating func remove(_ id: ID) {
        guard let old = rows[id] else { return }
        if formerRows[id] == nil { formerRows[id] = .some(old) }
        leave(id)
    }

    /// Everything since the last `commit` has been written.
    package mutating func commit() {
        formerRows.removeAll(keepingCapacity: true)
        formerRates.removeAll(keepingCapacity: true)
    }

    /// Nothing of it has.
    package mutating func rollBack() {
        for (id, row) in formerRows {
            leave(id)
            if let row, row.isGranted { enter(row) }
        }
        for case (_, let row?) in formerRows where !row.isGranted { enter(row) }
        for (name, rate) in formerRates { rates[name] = rate }
        commit()
    }

    /// The clock on the wall was set: starts are as long ago as they were, and whose turn is a matter of time waits as long as before.
    package mutating func clockWasSet(by milliseconds: Int64) {
        func shifted(_ time: Instant) -> Instant { Instant(milliseconds: time.milliseconds.addingClamped(milliseconds)) }
        func shifted(_ rate: RateRow) -> RateRow { RateRow(name: rate.name, seconds: rate.seconds, starts: rate.starts.map(shifted)) }
        rates = rates.mapValues(shifted)
        moments = moments.mapValues(shifted)
        // That stays so if the transaction does not; all of them go with the next commit.
        formerRates = rates.mapValues { .some($0) }.merging(formerRates.mapValues { $0.map(shifted) }) { $1 }
    }

    /// The rates that have changed since the last `commit`.
    package var changedRates: [RateRow] { formerRates.keys.sorted().compactMap { rates[$0] } }

    private mutating func count(_ demands: [Demand], at: Instant) {
        for demand in demands {
            guard case .rate(_, let seconds) = demand.kind else { continue }
            if formerRates[demand.name] == nil { formerRates[demand.name] = .some(rates[demand.name]) }
            rates[demand.name, default: RateRow(name: demand.name, seconds: seconds, starts: [])].add(at, seconds: seconds)
        }
    }

    private mutating func enter(_ row: ClaimRow) {
        let isNested = !isOutermost(row)
        rows[row.id] = row
        paths[row.id.run, default: []].insert(row.id.step)
        for demand in row.demands {
            lines[demand.key, default: Line()].insert(row, demand, isNested: isNested)
            touched.insert(demand.key)
        }
    }

    private mutating func leave(_ id: ID) {
        guard let row = rows.removeValue(forKey: id) else { return }
        paths[id.run]?.remove(id.step)
        if paths[id.run]?.isEmpty == true { paths[id.run] = nil }
        for demand in row.demands {
            lines[demand.key]?.remove(row, demand)
            if lines[demand.key]?.isEmpty == true {
                lines[demand.key] = nil
                moments[demand.key] = nil
            } else {
                touched.insert(demand.key)
            }
        }
    }

    // MARK: - Whose turn it is

    /// Somebody who can have all that it asks for; nil when nobody can now. To be followed by `set` or `remove`.
    package mutating func next(at now: Instant) -> ID? {
        if !moments.isEmpty {
            for (key, moment) in moments where moment <= now {
                moments[key] = nil
                touched.insert(key)
            }
        }
        while let key = touched.min() {
            if let id = candidate(in: key, at: now) { return id }
            touched.remove(key)
        }
        return nil
    }

    /// When somebody's turn comes by itself; now when there is somebody whose turn it may be.
    package func nextMoment(at now: Instant) -> Instant? { touched.isEmpty ? moments.values.min() : now }

    private mutating func candidate(in key: String, at now: Instant) -> ID? {
        guard let line = lines[key] else { return nil }
        for place in line.nested { if mayHave(place.id, at: now) { return place.id } }
        guard line.nested.isEmpty, let head = line.waiting.first, isHead(head.id), mayHave(head.id, at: now) else { return nil }
        return head.id
    }

    /// Nobody stands before it in any line.
    private func isHead(_ id: ID) -> Bool {
        rows[id]?.demands.allSatisfy { lines[$0.key].map { $0.nested.isEmpty && $0.waiting.first?.id == id } ?? false } ?? false
    }

    /// Whether everything that it asks for is free. Where only time is missing, it is noted when that is over.
    private mutating func mayHave(_ id: ID, at now: Instant) -> Bool {
        guard let row = rows[id], isFree(row) else { return false }
        var moment = now
        for demand in row.demands {
            guard case .rate(let count, let seconds) = demand.kind else { continue }
            moment = max(moment, rates[demand.name]?.moment(count: count, seconds: seconds, now: now) ?? now)
        }
        guard moment > now else { return true }
        for demand in row.demands where demand.isRate { moments[demand.key] = min(moments[demand.key] ?? moment, moment) }
        return false
    }

    // MARK: - Inside one another

    /// Whether those who have what it asks for leave room for it.
    private func isFree(_ row: ClaimRow) -> Bool { row.demands.allSatisfy { lines[$0.key]?.holders.leave(room: $0, for: row) ?? true } }

    private func isOutermost(_ row: ClaimRow) -> Bool { around(row).isEmpty }

    /// What is held around it: in its run, and around the steps that called its run.
    private func around(_ row: ClaimRow) -> [ID] { ([row.id] + row.callers).flatMap { held(around: $0) } }

    private func held(around id: ID) -> [ID] {
        guard let others = paths[id.run] else { return [] }
        return others.sorted().filter { $0.encloses(id.step) }.map { ID(run: id.run, step: $0) }.filter { rows[$0]?.isGranted == true }
    }

    /// Why it would wait for ever: those who have what it needs will not let go of it before it has ended itself. nil when they will.
    ///
    /// Taken that everybody who waits within something keeps it held: who could go on all the same will let go of it, and is left out, until
    /// only those remain for whom not enough is ever left.
    package func deadlock(of id: ID) -> [ClaimRow]? {
        guard let row = rows[id], !row.isGranted else { return nil }
        let shared = sharedAround(row)
        guard shared.isEmpty else { return shared }
        guard !isOutermost(row), !isFree(row) else { return nil }
        var blocked = Set(lines.values.flatMap { $0.nested.map(\.id) }).union([id])
        var stuck: Set<ID> = []
        var hasShrunk = true
        while hasShrunk, blocked.contains(id) {
            stuck = Set(blocked.compactMap { rows[$0] }.flatMap(around))
            let shut = blocked.filter { isShut($0, by: stuck) }
            hasShrunk = shut.count < blocked.count
            blocked = shut
        }
        guard blocked.contains(id) else { return nil }
        let keys = Set(row.demands.map(\.key))
        return stuck.compactMap { rows[$0] }.filter { !keys.isDisjoint(with: $0.demands.map(\.key)) && !row.wasCalled(within: $0.id) }
            .sorted { ($0.id.run, $0.id.step) < ($1.id.run, $1.id.step) }
    }

    /// Those around the steps that called its run who share what it wants alone: they could let go of it only when it has ended.
    private func sharedAround(_ row: ClaimRow) -> [ClaimRow] {
        guard !row.callers.isEmpty else { return [] }
        let outer = row.callers.flatMap { held(around: $0) }.compactMap { rows[$0] }
        return row.demands.flatMap { demand -> [ClaimRow] in
            guard demand.kind == .exclusive else { return [] }
            let holders = outer.filter { $0.demands.contains { $0.key == demand.key } }
            return holders.contains { $0.demands.contains(demand) } ? [] : holders
        }
    }

    private func isShut(_ id: ID, by stuck: Set<ID>) -> Bool {
        guard let row = rows[id] else { return false }
        return row.demands.contains { demand in
            var holders = Holders()
            for holder in stuck.compactMap({ rows[$0] }) {
                for held in holder.demands where held.key == demand.key { holders.add(held, of: holder) }
            }
            return !holders.leave(room: demand, for: row)
        }
    }

    // MARK: - Looking

    /// Those who keep somebody from having something, in order; and how many stand before it where most do.
    package func obstacles(of id: ID) -> (holders: [ClaimRow], before: Int) {
        guard let row = rows[id], !row.isGranted else { return ([], 0) }
        var holders: Set<ID> = []
        var before = 0
        for demand in row.demands {
            guard let line = lines[demand.key] else { continue }
            if !line.holders.leave(room: demand, for: row) { holders.formUnion(line.holders.all.keys.filter { !row.wasCalled(within: $0) }) }
            before = max(before, line.place(of: row) ?? 0)
        }
        return (holders.compactMap { rows[$0] }.sorted { ($0.grantedAt ?? $0.since, $0.id.run) < ($1.grantedAt ?? $1.since, $1.id.run) }, before)
    }

    /// Who keeps somebody new from having something, and how many wait for it already.
    package struct Obstacles: Sendable {
        package var holders: [ClaimRow] = []
        package var waiting = 0
    }

    package func obstacles(to demand: Demand) -> Obstacles {
        guard let line = lines[demand.key] else { return Obstacles() }
        let holders = line.holders.leave(room: demand) ? [] : holders(of: demand.key).map(\.row)
        return Obstacles(holders: holders, waiting: line.places.count)
    }

    /// Who has the same around the step that called its run, nearest first: it has it through that one.
    package func lender(of id: ID, key: String) -> ID? {
        guard let row = rows[id] else { return nil }
        return row.callers.flatMap { held(around: $0) }.first { rows[$0]?.demands.contains { $0.key == key } ?? false }
    }

    /// What is claimed in a run.
    package func claims(of run: RunID) -> [ID] { (paths[run] ?? []).sorted().map { ID(run: run, step: $0) } }

    /// Who has and who waits for what, by key, in order.
    package var keys: [String] { lines.keys.sorted() }
    package func holders(of key: String) -> [(row: ClaimRow, demand: Demand)] {
        (lines[key]?.holders.all ?? [:]).compactMap { id, demand in rows[id].map { ($0, demand) } }
            .sorted { ($0.0.grantedAt ?? $0.0.since, $0.0.id.run, $0.0.id.step) < ($1.0.grantedAt ?? $1.0.since, $1.0.id.run, $1.0.id.step) }
    }
    package func waiting(for key: String) -> [ClaimRow] { (lines[key]?.places ?? []).compactMap { rows[$0.id] } }
    /// Those of a flow's runs that go on or wait to, where they must not overlap.
    package func runs(ofFlow flow: String) -> [ClaimRow] {
        let key = Demand(name: flow, kind: .overlap).key
        return holders(of: key).map(\.row) + waiting(for: key)
    }
}
