import FlowEngine
import FlowModel
import FlowWire
import Hummingbird

/// Locks, limits and rates.
enum LockHandlers {
    static func list(_ call: Call) async throws -> Response {
        let (name, after, limit) = (try call.query("name"), try call.query("after"), min(try call.pageSize(), Limits.locksShown))
        let locks = await call.api.engine.leases { Wire.Lock.some(in: $0, named: name, after: after, limit: limit + 1) }
        guard let locks else { throw FlowError(.overloaded, subject: "engine", "Nothing was listed: the engine is shutting down.") }
        return try Answer.page(Array(locks.prefix(limit)), hasMore: locks.count > limit) { locks[$0].key }
    }

    static func reprioritise(_ call: Call) async throws -> Response {
        let body = try await call.body(Wire.Reprioritise.self)
        return try await CommandHandlers.perform(.reprioritise(body.priority), call, message: body.message)
    }
}

/// What somebody who waits in line waits for, in words: who has it since when, and how many come before.
enum LockReasons {
    static func fill(_ waits: inout [Wire.Wait], of run: RunID, _ api: API) async {
        let open = waits.indices.filter { waits[$0].kind == .lock || waits[$0].kind == .rate }
        guard !open.isEmpty else { return }
        let ids = open.map { index in
            let wait = waits[index]
            return ClaimRow.ID(run: run, step: wait.step ?? (wait.subject == run.text ? Run.ownPath : StepPath(wait.subject)))
        }
        let found = await api.engine.leases { table in ids.map { LockReasons.words(for: $0, in: table) } }
        for (index, reason) in zip(open, found ?? []) { waits[index].reason = reason ?? waits[index].reason }
    }

    /// Holders that are named.
    private static let named = 3

    private static func words(for id: ClaimRow.ID, in table: LeaseTable) -> String? {
        guard let row = table.rows[id], !row.isGranted else { return nil }
        let (holders, before) = table.obstacles(of: id)
        var parts = [row.demands.words]
        parts += holders.prefix(named).map { holder in
            let place = holder.id.step == Run.ownPath ? "" : " step '\(holder.id.step)'"
            return "run \(holder.id.run)\(place) has it since \(holder.grantedAt ?? holder.since)"
        }
        if holders.count > named { parts.append("and \(holders.count - named) more have it") }
        if holders.isEmpty, row.demands.contains(where: \.isRate) { parts.append("as many have begun as may in that time") }
        for demand in row.demands {
            guard let lender = table.lender(of: id, key: demand.key)?.run else { continue }
            parts.append("run \(lender), which called this one, has \(demand.words) and is not in the way")
        }
        if before > 0 { parts.append("\(before) before it in the line") }
        return parts.joined(separator: "; ")
    }
}

extension Wire.Lock {
    /// As the table has it: `limit:deploy`.
    fileprivate var key: String { "\(kind.rawValue):\(name)" }

    /// The first `limit` behind the key `after`, by key.
    static func some(in table: LeaseTable, named name: String?, after: String?, limit: Int) -> [Wire.Lock] {
        let keys = table.keys.lazy.filter { key in after.map { key > $0 } ?? true }
        let locks = keys.compactMap { key -> Wire.Lock? in
            let parts = key.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            guard parts.count == 2, let kind = Kind(rawValue: parts[0]), name == nil || name == parts[1] else { return nil }
            let (holders, waiting) = (table.holders(of: key), table.waiting(for: key))
            return Wire.Lock(
                kind: kind, name: parts[1], holders: holders.prefix(Limits.locksShown).map { Wire.Claim($0.row, key, in: table) },
                waiting: waiting.prefix(Limits.locksShown).map { Wire.Claim($0, key, in: table) }, holderCount: holders.count,
                waitingCount: waiting.count)
        }
        return Array(locks.prefix(limit))
    }
}

extension Wire.Claim {
    fileprivate init(_ row: ClaimRow, _ key: String, in table: LeaseTable) {
        self.init(
            run: row.id.run, flow: row.flow, step: row.id.step == Run.ownPath ? nil : row.id.step,
            what: row.demands.filter { $0.key == key }.words, priority: row.priority, since: row.grantedAt ?? row.since,
            through: table.lender(of: row.id, key: key)?.run)
    }
}
