internal import FlowEngine
internal import FlowModel
internal import GRDB
internal import GRDBSQLite
internal import Glibc

/// A cached statement in use: bind its values in order, `run()` or step with `next()`, read columns by position.
///
/// It goes round GRDB's boxing of values, which costs more than SQLite itself on the writer's path. A column is read with the
/// type it was written with; anything else is `StoreError.corrupt`, naming table, row (the first column) and column.
struct Query: ~Copyable {
    private let database: Database
    private let statement: Statement
    private let handle: OpaquePointer
    private let table: StaticString
    private var bound: Int32 = 0

    /// The statement must not be in use already on this connection.
    init(_ database: Database, _ table: StaticString, _ sql: String) throws {
        self.database = database
        self.table = table
        statement = try database.cachedStatement(sql: sql)
        handle = statement.sqliteStatement
    }

    deinit {
        sqlite3_reset(handle)
        sqlite3_clear_bindings(handle)
    }

    /// Runs it to the end and makes it ready for the next row's values.
    mutating func run() throws {
        errno = 0
        let code = sqlite3_step(handle)
        defer {
            sqlite3_reset(handle)
            bound = 0
        }
        guard code == SQLITE_DONE || code == SQLITE_ROW else { throw failure(code) }
    }

    /// Steps to the next row.
    func next() throws -> Bool {
        errno = 0
        switch sqlite3_step(handle) {
        case SQLITE_ROW: return true
        case SQLITE_DONE: return false
        case let code: throw failure(code)
        }
    }

    /// Makes it ready for other values after reading.
    mutating func restart() {
        sqlite3_reset(handle)
        bound = 0
    }

    private func failure(_ code: CInt) -> SQLiteFault {
        // First, before another call replaces it. SQLite itself does not keep it when a COMMIT fails.
        let systemError = errno
        return SQLiteFault(code: code, message: database.lastErrorMessage ?? "SQLite failed", systemError: systemError)
    }
}

// MARK: - Values in

/// Tells SQLite to copy the bytes before the call returns.
private nonisolated(unsafe) let transient = unsafeBitCast(-1, to: sqlite3_destructor_type.self)

extension Query {
    private mutating func place() -> CInt {
        bound += 1
        return bound
    }

    mutating func bindNull() { sqlite3_bind_null(handle, place()) }
    mutating func bind(_ value: Int) { sqlite3_bind_int64(handle, place(), Int64(value)) }
    mutating func bind(_ value: Bool) { bind(value ? 1 : 0) }
    mutating func bind(_ value: Instant) { sqlite3_bind_int64(handle, place(), value.milliseconds) }

    mutating func bind(_ value: String) {
        let place = place()
        var value = value
        value.withUTF8 { utf8 in
            if let base = utf8.baseAddress, !utf8.isEmpty {
                _ = base.withMemoryRebound(to: CChar.self, capacity: utf8.count) {
                    sqlite3_bind_text(handle, place, $0, CInt(utf8.count), transient)
                }
            } else {
                // A null pointer would bind NULL.
                sqlite3_bind_text(handle, place, "", 0, transient)
            }
        }
    }

    mutating func bind(_ bytes: [UInt8]) {
        let place = place()
        bytes.withUnsafeBytes { raw in
            if raw.isEmpty {
                _ = sqlite3_bind_zeroblob(handle, place, 0)
            } else {
                _ = sqlite3_bind_blob64(handle, place, raw.baseAddress, UInt64(raw.count), transient)
            }
        }
    }

    /// As 32 bytes.
    mutating func bind(_ digest: Digest) {
        let place = place()
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 32) { raw in
            raw.initialize(repeating: 0)
            for (position, digit) in digest.hex.utf8.enumerated() {
                let value = digit < 0x3A ? digit & 15 : digit - 0x57
                raw[position >> 1] = raw[position >> 1] << 4 | value
            }
            sqlite3_bind_blob(handle, place, raw.baseAddress, 32, transient)
        }
    }

    mutating func bind(_ value: Int?) { if let value { bind(value) } else { bindNull() } }
    mutating func bind(_ value: Bool?) { if let value { bind(value) } else { bindNull() } }
    mutating func bind(_ value: Instant?) { if let value { bind(value) } else { bindNull() } }
    mutating func bind(_ value: String?) { if let value { bind(value) } else { bindNull() } }
    mutating func bind(_ value: [UInt8]?) { if let value { bind(value) } else { bindNull() } }
    mutating func bind(_ value: Digest?) { if let value { bind(value) } else { bindNull() } }
}

// MARK: - Values out

extension Query {
    /// The row cannot have been written so.
    func corrupt(_ column: CInt, _ problem: String) -> StoreError {
        let name = sqlite3_column_name(handle, column).map { String(cString: $0) } ?? "\(column)"
        let row = sqlite3_column_text(handle, 0).map { String(cString: $0) } ?? "without a key"
        return .corrupt("table \(table), row \(row.prefix(64)), column \(name): \(problem)")
    }

    func isNull(_ column: CInt) -> Bool { sqlite3_column_type(handle, column) == SQLITE_NULL }
    func isWholeNumber(_ column: CInt) -> Bool { sqlite3_column_type(handle, column) == SQLITE_INTEGER }

    private func expect(_ type: CInt, _ column: CInt, _ name: String) throws(StoreError) {
        guard sqlite3_column_type(handle, column) == type else { throw corrupt(column, "is not \(name)") }
    }

    func int(_ column: CInt) throws(StoreError) -> Int {
        try expect(SQLITE_INTEGER, column, "a whole number")
        return Int(sqlite3_column_int64(handle, column))
    }

    func bool(_ column: CInt) throws(StoreError) -> Bool {
        switch try int(column) {
        case 0: return false
        case 1: return true
        case let value: throw corrupt(column, "is \(value), not 0 or 1")
        }
    }

    func instant(_ column: CInt) throws(StoreError) -> Instant {
        Instant(milliseconds: Int64(try int(column)))
    }

    func text(_ column: CInt) throws(StoreError) -> String {
        try expect(SQLITE_TEXT, column, "a text")
        let buffer = UnsafeBufferPointer(
            start: sqlite3_column_text(handle, column), count: Int(sqlite3_column_bytes(handle, column)))
        guard let text = String(validating: buffer, as: UTF8.self) else { throw corrupt(column, "is not UTF-8") }
        return text
    }

    func bytes(_ column: CInt) throws(StoreError) -> [UInt8] {
        try expect(SQLITE_BLOB, column, "bytes")
        let count = Int(sqlite3_column_bytes(handle, column))
        guard count > 0, let start = sqlite3_column_blob(handle, column) else { return [] }
        return Array(UnsafeRawBufferPointer(start: start, count: count))
    }

    func digest(_ column: CInt) throws(StoreError) -> Digest {
        try expect(SQLITE_BLOB, column, "bytes")
        let count = Int(sqlite3_column_bytes(handle, column))
        guard count == 32 else { throw corrupt(column, "has \(count) bytes, a digest has 32") }
        return Digest(bytes: UnsafeRawBufferPointer(start: sqlite3_column_blob(handle, column), count: count))
    }

    func runID(_ column: CInt) throws(StoreError) -> RunID {
        let text = try text(column)
        guard let id = RunID(text) else { throw corrupt(column, "'\(text)' is not a run id") }
        return id
    }

    func json(_ column: CInt) throws(StoreError) -> JSON {
        let text = try text(column)
        do {
            return try JSON.parse(text, maxDepth: Limits.planDepth)
        } catch {
            throw corrupt(column, "is not JSON: \(error)")
        }
    }

    func value<Value: RawRepresentable<String>>(_ column: CInt, as type: Value.Type) throws(StoreError) -> Value {
        let text = try text(column)
        guard let value = Value(rawValue: text) else { throw corrupt(column, "'\(text)' is not a known word") }
        return value
    }

    func optionalInt(_ column: CInt) throws(StoreError) -> Int? { isNull(column) ? nil : try int(column) }
    func optionalBool(_ column: CInt) throws(StoreError) -> Bool? { isNull(column) ? nil : try bool(column) }
    func optionalInstant(_ column: CInt) throws(StoreError) -> Instant? { isNull(column) ? nil : try instant(column) }
    func optionalText(_ column: CInt) throws(StoreError) -> String? { isNull(column) ? nil : try text(column) }
    func optionalJSON(_ column: CInt) throws(StoreError) -> JSON? { isNull(column) ? nil : try json(column) }
    func optionalDigest(_ column: CInt) throws(StoreError) -> Digest? { isNull(column) ? nil : try digest(column) }
}
