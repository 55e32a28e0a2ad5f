import FlowCrypto
import FlowEngine
import FlowModel
import FlowStoreSQLite
import Foundation
import GRDB
import GRDBSQLite
import Testing

@Suite("Store failures", .timeLimit(.minutes(10)))
struct FailureTests {
    @Test func `a full disk refuses, keeps nothing of the batch, and goes on when there is room`() async throws {
        let scratch = try Scratch()
        // In a process of its own, because the limit is the whole process's.
        await #expect(processExitsWith: .success) { [path = scratch.path as String] in
            signal(SIGXFSZ, SIG_IGN)
            let store = try SQLiteStore.open(in: path, now: start)
            var chain = Chain(epoch: try store.beginEpoch())
            try store.commit(chain.batch([runID(1)]))
            limitFiles(to: 400_000)
            let saved = chain
            // A new run among them: what the writer remembers of it must go as well.
            let big = chain.batch([runID(1), runID(2)], bytes: [UInt8](repeating: 1, count: 1 << 20))
            for _ in 0..<3 {
                #expect { try store.commit(big) } throws: { if case StoreError.refused = $0 { true } else { false } }
            }
            var blob = CommitBatch(epoch: chain.epoch)
            blob.blobs = [(Digest(of: [1]), [UInt8](repeating: 1, count: 1 << 20))]
            #expect { try store.commit(blob) } throws: { if case StoreError.refused = $0 { true } else { false } }
            #expect(try store.lastSequence() == 1)
            limitFiles(to: .max)
            chain = saved
            var orphan = chain.batch([runID(1), runID(2)])
            try store.commit(orphan)
            #expect(try store.journal(of: runID(1))?.count == 2)
            #expect(try store.journal(of: runID(2))?.count == 1)
            orphan = chain.batch([runID(3)])
            orphan.fingerprints = [:]
            #expect { try store.commit(orphan) } throws: { if case StoreError.fatal = $0 { true } else { false } }
            try store.close()
        }
    }

    @Test(arguments: ["journal.db", "journal.db-wal"])
    func `a file that was replaced while it was open takes no more commits`(_ name: String) throws {
        let scratch = try Scratch()
        let store = try scratch.open()
        var chain = Chain(epoch: try store.beginEpoch())
        try store.commit(chain.batch([runID(1)]))
        let path = "\(scratch.path)/\(name)"
        try FileManager.default.copyItem(atPath: path, toPath: path + ".copy")
        #expect(rename(path + ".copy", path) == 0)
        let next = chain.batch([runID(1)])
        for _ in 0..<2 {
            #expect { try store.commit(next) } throws: { if case StoreError.fatal = $0 { true } else { false } }
        }
        try? store.close()
    }

    @Test(arguments: [
        (StoreFailure.writing(FileFault("write", "/x", ENOSPC)), true),
        (StoreFailure.writing(FileFault("fsync", "/x", EIO)), false),
        (fault(SQLITE_FULL), true),
        (fault(SQLITE_READONLY), true),
        (fault(SQLITE_TOOBIG), true),
        (fault(SQLITE_BUSY), true),
        (fault(SQLITE_CONSTRAINT), true),
        (fault(2067), true),
        (fault(SQLITE_IOERR, EFBIG), true),
        (fault(4874), true),
        (fault(SQLITE_IOERR, EIO), false),
        (fault(1034, EIO), false),
        (fault(SQLITE_CORRUPT), false),
    ])
    func `no room and read-only are refusals, a broken disk is the end`(_ error: StoreError, isRefusal: Bool) {
        if case .refused = error { #expect(isRefusal) } else { #expect(!isRefusal) }
    }

    @Test func `after a fatal failure nothing more is written`() throws {
        let scratch = try Scratch()
        let store = try scratch.open()
        defer { try? store.close() }
        var chain = Chain(epoch: try store.beginEpoch())
        let next = try store.beginEpoch()
        #expect(throws: StoreError.self) { try store.commit(chain.batch([runID(1)])) }
        var again = Chain(epoch: next)
        #expect { try store.commit(again.batch([runID(1)])) } throws: { if case StoreError.fatal = $0 { true } else { false } }
    }

    @Test func `another program's lock is waited for, then refused, and then forgotten`() throws {
        let scratch = try Scratch()
        let store = try scratch.open()
        defer { try? store.close() }
        var chain = Chain(epoch: try store.beginEpoch())
        var configuration = Configuration()
        configuration.allowsUnsafeTransactions = true
        let other = try DatabaseQueue(path: scratch.database, configuration: configuration)
        let batch = chain.batch([runID(1)])
        try other.inDatabase { try $0.execute(sql: "BEGIN IMMEDIATE") }
        #expect { try store.commit(batch) } throws: { if case StoreError.refused = $0 { true } else { false } }
        try other.inDatabase { try $0.execute(sql: "ROLLBACK") }
        try store.commit(batch)
        #expect(try store.lastSequence() == 1)
        try other.close()
    }
}

private func fault(_ code: CInt, _ systemError: CInt = 0) -> StoreError {
    StoreFailure.writing(SQLiteFault(code: code, message: "SQLite says so", systemError: systemError))
}

/// The largest file that this process may write.
private func limitFiles(to bytes: rlim_t) {
    var limit = rlimit()
    getrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit)
    limit.rlim_cur = bytes
    setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit)
}
