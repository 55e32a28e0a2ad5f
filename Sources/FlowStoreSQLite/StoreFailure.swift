package import FlowEngine
internal import FlowModel
internal import GRDB
internal import GRDBSQLite
internal import Glibc

/// A call of SQLite's that failed: its extended result code, and `errno` as the call left it.
package struct SQLiteFault: Error, Hashable, Sendable {
    package var code: CInt
    package var message: String
    package var systemError: CInt

    package init(code: CInt, message: String, systemError: CInt = 0) {
        self.code = code
        self.message = message
        self.systemError = systemError
    }

    init(_ error: DatabaseError) {
        self.init(code: error.extendedResultCode.rawValue, message: error.message ?? "SQLite failed")
    }

    /// The code without its extension.
    var primary: CInt { code & 0xFF }

    var reason: String {
        let system = primary == SQLITE_IOERR && systemError != 0 ? ", \(String(cString: strerror(systemError)))" : ""
        return "\(message) (SQLite code \(code)\(system))"
    }
}

/// How failures of SQLite and of files become those that the engine and people know.
package enum StoreFailure {
    /// `SQLITE_IOERR_SHMSIZE`.
    private static let sharedMemoryRoom: CInt = 10 | 19 << 8

    /// What a failed write means to the engine.
    package static func writing(_ error: any Error) -> StoreError {
        switch error {
        case let error as StoreError: return error
        case let fault as FileFault:
            let isRefusal = fault.isNoRoom || [EROFS, EACCES, EMFILE, ENFILE].contains(fault.number)
            return isRefusal ? .refused(fault.description) : .fatal(fault.description)
        case let error as DatabaseError: return writing(SQLiteFault(error))
        case let fault as SQLiteFault:
            switch fault.primary {
            case SQLITE_FULL, SQLITE_READONLY, SQLITE_TOOBIG, SQLITE_BUSY, SQLITE_LOCKED, SQLITE_NOMEM, SQLITE_CANTOPEN:
                return .refused(fault.reason)
            // A row that contradicts what is there. The transaction is undone, and the database is as good as before.
            case SQLITE_CONSTRAINT: return .refused(fault.reason)
            // The shared memory file could not grow. What it holds can be made anew from the log.
            case SQLITE_IOERR where fault.code == sharedMemoryRoom:
                return .refused("database or disk is full: no room for the index of the log (SQLite code \(fault.code))")
            // A quota or file size limit is reported as an I/O error.
            case SQLITE_IOERR where [ENOSPC, EDQUOT, EFBIG].contains(fault.systemError): return .refused(fault.reason)
            default: return .fatal(fault.reason)
            }
        default: return .fatal("\(error)")
        }
    }

    /// What a failed read means to the engine: a malformed file is corrupt, not lost to this process.
    static func reading(_ error: any Error) -> StoreError {
        let fault = (error as? DatabaseError).map(SQLiteFault.init) ?? error as? SQLiteFault
        if let fault, [SQLITE_CORRUPT, SQLITE_NOTADB].contains(fault.primary) {
            return .corrupt("the database file: \(fault.reason)")
        }
        return writing(error)
    }

    /// What people are told.
    static func told(_ error: any Error, path: String) -> FlowError {
        if let error = error as? FlowError { return error }
        if let fault = error as? FileFault, fault.kind != nil {
            return FlowError(
                .storage, subject: fault.path, "\(fault.path) was not opened: \(fault.reason). Nothing was changed.",
                hint: "mv \(fault.path) \(fault.path).other, then once more")
        }
        if error is CancellationError {
            return FlowError(.overloaded, subject: path, "\(path) was not read: the request was cancelled.")
        }
        switch reading(error) {
        case .refused(let why):
            return FlowError(
                .storage, subject: path, "\(path) was not written: \(why). Nothing was kept.",
                hint: "df -h \(path); flowctl doctor")
        case .corrupt(let why):
            return FlowError(
                .database, subject: path, "\(path) does not say what was written: \(why).",
                hint: "stop the engine, then: flowctl repair")
        case .fatal(let why):
            return FlowError(.storage, subject: path, "\(path) can no longer be used: \(why).", hint: "flowctl doctor")
        }
    }
}
