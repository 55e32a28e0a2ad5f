import GRDBSQLite

/// The database of an engine's home, beside the engine.
enum Database {
    /// How many rows this table has.
    static func count(_ table: String, in home: String) throws -> Int {
        try with(home) { database in
            var statement: OpaquePointer?
            defer { sqlite3_finalize(statement) }
            guard sqlite3_prepare_v2(database, "SELECT count(*) FROM \(table)", -1, &statement, nil) == SQLITE_OK,
                sqlite3_step(statement) == SQLITE_ROW
            else { throw BenchmarkFailure("cannot count the rows of \(table) in \(home)") }
            return Int(sqlite3_column_int64(statement, 0))
        }
    }

    /// All of the statements or none, while no engine has the home: many rows are made faster than by their own commits.
    static func execute(_ statements: [String], in home: String) throws {
        try with(home) { database in
            for sql in ["PRAGMA synchronous=OFF", "BEGIN"] + statements + ["COMMIT"] {
                var message: UnsafeMutablePointer<CChar>?
                guard sqlite3_exec(database, sql, nil, nil, &message) == SQLITE_OK else {
                    throw BenchmarkFailure("cannot make the rows: \(message.map { String(cString: $0) } ?? "")")
                }
            }
        }
    }

    private static func with<Value>(_ home: String, _ body: (OpaquePointer?) throws -> Value) throws -> Value {
        var database: OpaquePointer?
        defer { sqlite3_close(database) }
        guard sqlite3_open(home + "/journal.db", &database) == SQLITE_OK else { throw BenchmarkFailure("cannot open the journal in \(home)") }
        sqlite3_busy_timeout(database, 5_000)
        return try body(database)
    }
}
