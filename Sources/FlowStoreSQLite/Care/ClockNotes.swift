internal import FlowEngine
package import FlowModel
internal import GRDB

extension SQLiteStore {
    /// When an engine last lived, by the clock as it was believed then, and what the clock showed when it was first doubted.
    package func clock() async throws(FlowError) -> (seen: Instant?, doubted: Instant?) {
        try await read { database in
            func note(_ name: String) throws -> Instant? {
                try Int64.fetchOne(database, sql: "SELECT value FROM meta WHERE name = ?", arguments: [name]).map { Instant(milliseconds: $0) }
            }
            // A database of a version that kept no note: its newest run is younger than its last engine.
            let newest = try Int64.fetchOne(database, sql: "SELECT createdAt FROM run ORDER BY number DESC LIMIT 1").map { Instant(milliseconds: $0) }
            return (try note("clockSeen") ?? newest, try note("clockDoubted"))
        }
    }

    package func noteClock(seen: Instant, doubted: Instant?) async throws(FlowError) {
        try await transaction { database in
            try database.execute(sql: "INSERT OR REPLACE INTO meta VALUES ('clockSeen', ?)", arguments: [seen.milliseconds])
            try database.execute(sql: "DELETE FROM meta WHERE name = 'clockDoubted'")
            if let doubted {
                try database.execute(sql: "INSERT INTO meta VALUES ('clockDoubted', ?)", arguments: [doubted.milliseconds])
            }
        }
    }
}
