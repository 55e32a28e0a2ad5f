package import FlowEngine
internal import GRDB
internal import GRDBSQLite

extension SQLiteStore {
    /// What SQLite says of its connections, for `doctor`.
    package struct Settings: Hashable, Sendable {
        /// By pragma, of the connection that writes and of one that reads.
        package var writer: [String: String]
        package var reader: [String: String]
    }

    package func settings() throws(StoreError) -> Settings {
        do {
            return Settings(
                writer: try pool.writeWithoutTransaction(Settings.read), reader: try pool.read(Settings.read))
        } catch {
            throw StoreFailure.reading(error)
        }
    }
}

extension SQLiteStore.Settings {
    private static let names = [
        "application_id", "freelist_count", "journal_mode", "page_count", "page_size", "synchronous",
        "user_version", "wal_autocheckpoint",
    ]

    fileprivate static func read(_ database: Database) throws -> [String: String] {
        var values: [String: String] = [:]
        for name in names {
            values[name] = try Row.fetchOne(database, sql: "PRAGMA \(name)").flatMap {
                String.fromDatabaseValue($0[0]) ?? Int.fromDatabaseValue($0[0]).map(String.init)
            }
        }
        values["readonly"] = "\(sqlite3_db_readonly(database.sqliteConnection, "main"))"
        return values
    }
}
