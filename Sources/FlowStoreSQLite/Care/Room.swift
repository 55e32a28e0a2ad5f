package import FlowEngine
internal import GRDB
internal import Glibc

// Room on the disk: what is given back, and what is kept for a start on a full one.
extension SQLiteStore {
    /// Gives some pages that deleted rows have left back to the disk; on the writer's thread. True when there is more to give.
    ///
    /// Some stay for what comes next. They go when the log is copied into the database.
    package func giveBackPages() throws(StoreError) -> Bool {
        try transaction { database in
            let free = try Int.fetchOne(database, sql: "PRAGMA freelist_count") ?? 0
            guard try Int.fetchOne(database, sql: "PRAGMA auto_vacuum") == 2, free > StoreLimits.keptFreePages else { return false }
            let count = min(free - StoreLimits.keptFreePages, StoreLimits.pagesGivenBack)
            _ = try Row.fetchAll(database, sql: "PRAGMA incremental_vacuum(\(count))")
            return free - count > StoreLimits.keptFreePages
        }
    }

    /// Makes the file that keeps room for a start on a full disk, where there is room for it.
    package func keepReserve() { Reserve(directory: directory).keep() }

    /// Lets the kept room go; false when there was none.
    package static func releaseReserve(in directory: String) -> Bool { Reserve(directory: directory).release() }
}

/// Room that is kept so that an engine can start on a disk that others have filled: it serves reads then, and waits.
struct Reserve {
    let directory: String
    private var path: String { directory + "/reserve" }

    func keep() {
        guard Files.status(path)?.st_size ?? 0 < StoreLimits.reserveBytes else { return }
        // Without it nothing is wrong now: a start on a full disk would wait for room.
        guard let file = try? Files.Descriptor(opening: path, O_WRONLY | O_CREAT) else { return }
        if posix_fallocate(file.number, 0, off_t(StoreLimits.reserveBytes)) != 0 { unlink(path) }
    }

    func release() -> Bool { unlink(path) == 0 }
}
