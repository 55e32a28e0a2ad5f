package import FlowEngine
internal import FlowModel

/// Which kinds of entries, and which commands, the journals of a store hold.
package struct EntryCensus: Sendable {
    package private(set) var kinds: [String: Int] = [:]
    package private(set) var verbs: [String: Int] = [:]

    package init(_ store: any JournalStore & JournalReader) async throws {
        for row in try await store.runs(RunQuery(limit: 1_000)) {
            for record in try await store.journal(of: row.id, after: 0, limit: Int.max) {
                for entry in try Entry.decode(record.bytes, fetch: { (digest) throws(StoreError) in try EntryCensus.blob(store, digest) }) {
                    count(entry)
                }
            }
        }
    }

    /// The name of an enumeration's case.
    private static func name(_ value: some Any) -> String { Mirror(reflecting: value).children.first?.label ?? "\(value)" }

    private static func blob(_ store: any JournalStore, _ digest: Digest) throws(StoreError) -> [UInt8]? { try store.blob(digest) }

    private mutating func count(_ entry: Entry) {
        kinds[Self.name(entry), default: 0] += 1
        if case .rollout(_, let inner) = entry { kinds["rollout." + Self.name(inner), default: 0] += 1 }
        if case .commanded(let command) = entry { verbs[command.verb, default: 0] += 1 }
    }
}
