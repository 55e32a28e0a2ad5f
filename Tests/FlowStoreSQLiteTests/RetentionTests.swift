import FlowCrypto
import FlowEngine
import FlowModel
import FlowStoreSQLite
import Foundation
import GRDB
import Testing

@Suite("Retention", .timeLimit(.minutes(10)))
struct RetentionTests {
    private let future = Instant(milliseconds: start.milliseconds + 1)

    private func deleteAll(_ store: SQLiteStore, limit: Int = 10) throws -> Int {
        var runs = 0
        while true {
            let deletion = try store.deleteRuns(endedBefore: future, limit: limit)
            runs += deletion.runs
            if !deletion.hasMore { return runs }
        }
    }

    @Test func `ended runs go with every row of theirs, the others and the audit trail stay`() async throws {
        let scratch = try Scratch()
        let store = try scratch.open()
        var chain = Chain(epoch: try store.beginEpoch())
        let (old, live) = ((0..<25).map(runID), (100..<105).map(runID))
        try store.commit(chain.batch(old + live))
        var batch = chain.batch(old, state: .succeeded)
        let big = [UInt8](repeating: 5, count: 100_000)
        batch.blobs = [(Digest(of: big), big), (Digest(of: [6]), [6])]
        for run in old + live {
            for index in 0..<3 {
                batch.steps.append(
                    StepRow(
                        run: run, index: index, path: StepPath("s\(index)"), name: "s", kind: "shell", state: .succeeded,
                        output: index == 0 ? .blob(run == live[0] || index == 1 ? Digest(of: [6]) : Digest(of: big), bytes: 1) : nil))
            }
            batch.attempts.append(
                (
                    run, StepPath("s1"),
                    AttemptRow(number: 1, generation: 1, state: .failed, target: nil, worker: "w", startedAt: start)
                ))
            batch.setTimers.append(TimerRow(id: .init(run: run, step: StepPath("s2")), due: start))
            batch.addOutbox.append(OutboxRow(id: 1, run: run, kind: "k", body: .null))
        }
        // A live run names the large output as well: it must stay.
        batch.steps.append(
            StepRow(
                run: live[1], index: 9, path: StepPath("s9"), name: "s", kind: "shell", state: .succeeded,
                output: .blob(Digest(of: [6]), bytes: 1)))
        try store.commit(batch)
        try await Audit(store).append(AuditEntry(at: start, actor: "a", verb: "v", subject: "s"))
        #expect(try deleteAll(store) == 25)
        #expect(try await store.runs(RunQuery(limit: 100)).map(\.id) == live.reversed())
        #expect(try await store.runs(RunQuery(labels: ["team": "web"], limit: 100)).count == 5)
        #expect(try store.journal(of: old[0]) == nil)
        #expect(try store.lastSequence() == 55)
        #expect(try await Audit(store).rows(limit: 10).count == 1)
        #expect(try await BlobStore(store, now: { start }).read(Digest(of: [6])) == [6])
        #expect(try await store.verify() == [])
        try store.close()
        let file = try DatabaseQueue(path: scratch.database)
        let counts = try await file.read { database in
            try ["run", "run_now", "label", "journal", "step", "attempt", "timer", "outbox", "deleted_run"].map {
                try Int.fetchOne(database, sql: "SELECT count(*) FROM \($0)")
            }
        }
        #expect(counts == [5, 5, 5, 5, 16, 5, 5, 5, 0])
        try file.close()
    }

    @Test func `a value that only another run's journal names stays when the run that handed it out goes`() async throws {
        let scratch = try Scratch()
        let store = try scratch.open()
        defer { try? store.close() }
        var chain = Chain(epoch: try store.beginEpoch())
        let (giver, taker) = (runID(1), runID(2))
        let list = (0..<20_000).map { JSON.string("host-\($0)") }
        let value = Array(JSON.array(list).canonical.utf8)
        // It was sent to another run, or that maps over it: no step there has it as its output.
        var blobs: [(digest: Digest, bytes: [UInt8])] = []
        let named = Entry.encode([.signalled("hosts", .array(list))]) { bytes in
            blobs.append((Digest(of: bytes), bytes))
            return Digest(of: bytes)
        }
        try #require(blobs.map(\.bytes) == [value])
        var batch = chain.batch([giver])
        batch.blobs = blobs
        batch.steps = [
            StepRow(
                run: giver, index: 0, path: StepPath("list"), name: "list", kind: "shell", state: .succeeded,
                output: .blob(Digest(of: value), bytes: value.count))
        ]
        try store.commit(batch)
        try store.commit(chain.batch([taker], bytes: named))
        try store.commit(chain.batch([giver], state: .succeeded))
        #expect(try deleteAll(store) == 1)
        #expect(try await store.blob(Digest(of: value)) == value)
        // The daily look through the blobs reads journals. When the other run is gone, too, it takes the value.
        func sweep() async throws -> Int { try store.removeBlobs(try await store.unusedBlobs(storedBefore: start), storedBefore: start) }
        #expect(try await sweep() == 0)
        try store.commit(chain.batch([taker], state: .succeeded))
        #expect(try deleteAll(store) == 1)
        #expect(try await sweep() == value.count)
        #expect(try await store.blob(Digest(of: value)) == nil)
        #expect(try await store.unnamedBlobFiles() == 0)
    }

    @Test func `a label, a flow and a number decide which runs go, the first policy that fits a run alone`() async throws {
        let scratch = try Scratch()
        let store = try scratch.open()
        var chain = Chain(epoch: try store.beginEpoch())
        var batch = chain.batch((0..<12).map(runID), state: .succeeded)
        for index in batch.runs.indices {
            batch.runs[index].flow = index < 6 ? "release" : "chores"
            batch.runs[index].labels = index % 2 == 0 ? ["keep": "yes", "team": "it's"] : ["team": "it's"]
            batch.runs[index].endedAt = Instant(milliseconds: Int64(1_000 * (index + 1)))
        }
        try store.commit(batch)
        let policies = [
            RetentionPolicy(labels: ["keep": "yes"]), RetentionPolicy(flow: "chores", runs: 1), RetentionPolicy(labels: ["team": "it's"], days: 1),
        ]
        func runs(_ number: Int) -> RetainedRuns { RetainedRuns(policies[number], after: Array(policies[..<number])) }
        // Of the chores without the label, 7, 9 and 11 of them, the newest stays.
        let end = try #require(try await store.end(ofNewest: 1, of: runs(1)))
        #expect(end == Instant(milliseconds: 12_000))
        #expect(try await store.end(ofNewest: 4, of: runs(1)) == nil)
        #expect(try store.deleteRuns(runs(1), endedBefore: end, limit: 100).runs == 2)
        #expect(try store.deleteRuns(runs(2), endedBefore: Instant(milliseconds: 4_000), limit: 100).runs == 1)
        let left = try await store.runs(RunQuery(limit: 100)).map(\.id)
        #expect(left == [11, 10, 8, 6, 5, 4, 3, 2, 0].map(runID))
        #expect(try store.deleteRuns(endedBefore: Instant(milliseconds: 20_000), limit: 100).runs == 9)
        try store.close()
    }

    @Test func `blob files that no row names are counted`() async throws {
        let scratch = try Scratch()
        let store = try scratch.open()
        var chain = Chain(epoch: try store.beginEpoch())
        var batch = chain.batch([runID(0)])
        let big = [UInt8](repeating: 5, count: 100_000)
        batch.blobs = [(Digest(of: big), big)]
        try store.commit(batch)
        #expect(try await store.unnamedBlobFiles() == 0)
        let stray = Digest(of: [9]).hex
        let folder = scratch.path + "/blobs/" + stray.prefix(2)
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        try Data([9]).write(to: URL(filePath: folder + "/" + stray.dropFirst(2)))
        #expect(try await store.unnamedBlobFiles() == 1)
        try store.close()
    }

    @Test func `sequence numbers of deleted records are not given out again`() throws {
        let scratch = try Scratch()
        var store = try scratch.open()
        var chain = Chain(epoch: try store.beginEpoch())
        try store.commit(chain.batch((0..<5).map(runID), state: .failed))
        #expect(try deleteAll(store) == 5)
        #expect(try store.lastSequence() == 5)
        try store.close()
        store = try scratch.open()
        #expect(try store.lastSequence() == 5)
        var next = Chain(epoch: try store.beginEpoch(), after: 5)
        try store.commit(next.batch([runID(9)]))
        #expect(try store.lastSequence() == 6)
        try store.close()
    }

    @Test func `a run too large for one transaction goes in several, and from views at once`() async throws {
        let scratch = try Scratch()
        let store = try scratch.open()
        defer { try? store.close() }
        var chain = Chain(epoch: try store.beginEpoch())
        for _ in 0..<25 { try store.commit(many(&chain, 1_000)) }
        try store.commit(chain.batch([runID(1)], state: .cancelled))
        let first = try store.deleteRuns(endedBefore: future, limit: 10)
        #expect(first == .init(runs: 1, hasMore: true))
        #expect(try await store.run(runID(1)) == nil)
        #expect(try await store.verify() == [])
        #expect(try deleteAll(store) == 0)
    }

    /// A batch of many records of one run.
    private func many(_ chain: inout Chain, _ count: Int) -> CommitBatch {
        var batch = chain.batch([runID(1)])
        for _ in 1..<count {
            let next = chain.batch([runID(1)])
            batch.records += next.records
            batch.runs = next.runs
        }
        return batch
    }

    @Test func `what has not ended, or not long enough ago, is never deleted`() throws {
        let scratch = try Scratch()
        let store = try scratch.open()
        defer { try? store.close() }
        var chain = Chain(epoch: try store.beginEpoch())
        for (number, state) in RunState.allCases.enumerated() {
            try store.commit(chain.batch([runID(number)], state: state))
        }
        #expect(try store.deleteRuns(endedBefore: start, limit: 100) == .init(runs: 0, hasMore: false))
        #expect(try deleteAll(store) == 3)
    }
}
