internal import FlowEngine
package import FlowModel
internal import GRDB

/// A flow that can be started by its name.
package struct RegisteredFlow: Hashable, Sendable {
    package var name: String
    package var revision: Digest
    /// Digest of the plan's stored JSON.
    package var plan: Digest
    /// Digest of the flow binary; nil without Swift steps.
    package var binary: Digest?
    /// The name of the file it came from, for people.
    package var source: String
    package var user: String
    package var at: Instant

    package init(
        name: String, revision: Digest, plan: Digest, binary: Digest?, source: String, user: String, at: Instant
    ) {
        self.name = name
        self.revision = revision
        self.plan = plan
        self.binary = binary
        self.source = source
        self.user = user
        self.at = at
    }
}

/// The registered flows, by name. Every change is written together with its audit row.
package struct Registry: Sendable {
    private let store: SQLiteStore

    package init(_ store: SQLiteStore) { self.store = store }

    /// Registers a flow or replaces the one of this name; refuses a plan or binary that is not stored.
    package func register(_ flow: RegisteredFlow) async throws(FlowError) {
        try await store.transaction { database in
            for digest in [flow.plan, flow.binary].compactMap({ $0 }) where try !isStored(digest, database) {
                throw FlowError(
                    .notFound, subject: flow.name,
                    "Flow '\(flow.name)' was not registered: blob \(digest) is not stored.", hint: "PUT /v1/blobs/\(digest)")
            }
            var query = try Query(database, "flow", "INSERT OR REPLACE INTO flow VALUES (?, ?, ?, ?, ?, ?, ?)")
            query.bind(flow.name)
            query.bind(flow.revision)
            query.bind(flow.plan)
            query.bind(flow.binary)
            query.bind(flow.source)
            query.bind(flow.user)
            query.bind(flow.at)
            try query.run()
            let detail: JSON = ["revision": .string(flow.revision.hex), "source": .string(flow.source)]
            try AuditChain.append(
                AuditEntry(at: flow.at, actor: flow.user, verb: "flow.add", subject: flow.name, detail: detail), database)
        }
    }

    /// By name.
    package func flows() async throws(FlowError) -> [RegisteredFlow] {
        try await store.read { database in
            let query = try Query(database, "flow", "SELECT \(RegisteredFlow.columns) FROM flow ORDER BY name")
            var flows: [RegisteredFlow] = []
            while try query.next() { flows.append(try RegisteredFlow(query)) }
            return flows
        }
    }

    package func flow(named name: String) async throws(FlowError) -> RegisteredFlow? {
        try await store.read { database in
            var query = try Query(database, "flow", "SELECT \(RegisteredFlow.columns) FROM flow WHERE name = ?")
            query.bind(name)
            return try query.next() ? try RegisteredFlow(query) : nil
        }
    }

    /// Forgets the name; runs of it go on, since they hold their revision. False when there is no such flow.
    package func remove(_ name: String, by user: String, at: Instant) async throws(FlowError) -> Bool {
        try await store.transaction { database in
            try database.execute(sql: "DELETE FROM flow WHERE name = ?", arguments: [name])
            guard database.changesCount > 0 else { return false }
            try AuditChain.append(AuditEntry(at: at, actor: user, verb: "flow.remove", subject: name), database)
            return true
        }
    }
}

private func isStored(_ digest: Digest, _ database: Database) throws -> Bool {
    var query = try Query(database, "blob", "SELECT number FROM blob WHERE digest = ?")
    query.bind(digest)
    return try query.next()
}

extension RegisteredFlow {
    fileprivate static let columns = "name, revision, plan, binary, source, user, at"

    fileprivate init(_ query: borrowing Query) throws(StoreError) {
        self.init(
            name: try query.text(0), revision: try query.digest(1), plan: try query.digest(2),
            binary: try query.optionalDigest(3), source: try query.text(4), user: try query.text(5),
            at: try query.instant(6))
    }
}
