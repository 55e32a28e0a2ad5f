import FlowCrypto
import FlowEngine
import FlowModel
import FlowStoreSQLite
import FlowTestKit
import Foundation
import Synchronization

let start = Instant(milliseconds: 1_770_000_000_000)

/// A directory of its own, removed when it is no longer used.
final class Scratch: Sendable {
    let path: String

    init() throws {
        path = NSTemporaryDirectory() + "flow-store-\(UUID().uuidString)"
        try FileManager.default.createDirectory(
            atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    var database: String { path + "/journal.db" }
    func open() throws -> SQLiteStore { try SQLiteStore.open(in: path, now: start) }
}

/// SQLite stores in directories that live as long as the house.
final class SQLiteHouse: StoreConformance.House {
    private let scratches = Mutex<[Scratch]>([])

    func open() throws -> StoreConformance.Store {
        let scratch = try Scratch()
        scratches.withLock { $0.append(scratch) }
        return try scratch.open()
    }

    func reopen(_ store: StoreConformance.Store) throws -> StoreConformance.Store {
        guard let store = store as? SQLiteStore else { fatalError("not a store of this house") }
        try store.close()
        return try SQLiteStore.open(in: store.directory, now: start)
    }
}

struct MemoryHouse: StoreConformance.House {
    func open() throws -> StoreConformance.Store { MemoryStore() }

    func reopen(_ store: StoreConformance.Store) throws -> StoreConformance.Store {
        guard let store = store as? MemoryStore else { fatalError("not a store of this house") }
        return store.afterCrash()
    }
}

func runID(_ number: Int) -> RunID {
    RunID(at: Instant(milliseconds: start.milliseconds + Int64(number)), random: [UInt8](repeating: 7, count: 10))
}

/// Runs with chained records, as small as they can be.
struct Chain {
    let epoch: Int
    private(set) var heads: [RunID: JournalHead] = [:]
    private var sequence = 0

    init(epoch: Int, after sequence: Int = 0) {
        self.epoch = epoch
        self.sequence = sequence
    }

    func row(_ run: RunID, _ state: RunState = .running) -> RunRow {
        RunRow(
            id: run, flow: "release", revision: Digest(of: [1]), state: state, inputs: ["version": "1.4.2"],
            labels: ["team": "web"], actor: "os:alice", person: "os:alice", createdAt: start, isLive: !state.isTerminal,
            head: heads[run] ?? JournalHead(sequence: 0, hash: JournalRecord.chainStart))
    }

    /// Adds a record to each run, which is created by its first one.
    mutating func batch(_ runs: [RunID], state: RunState = .running, bytes: [UInt8] = Array("a fact".utf8)) -> CommitBatch {
        var batch = CommitBatch(epoch: epoch)
        for run in runs {
            if heads[run] == nil { batch.fingerprints[run] = Digest(of: [2]) }
            sequence += 1
            let previous = heads[run]?.hash ?? JournalRecord.chainStart
            let input = JournalRecord.chainInput(previous: previous, run: run, sequence: sequence, at: start, bytes: bytes)
            let record = JournalRecord(sequence: sequence, run: run, at: start, hash: Digest(of: input), bytes: bytes)
            heads[run] = JournalHead(sequence: sequence, hash: record.hash)
            batch.records.append(record)
            var row = row(run, state)
            if state.isTerminal { row.endedAt = start }
            batch.runs.append(row)
        }
        return batch
    }
}
