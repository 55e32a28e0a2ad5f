internal import FlowCrypto
package import FlowEngine
internal import FlowModel

/// What every store must do, as checks that any test suite can run over a store of its own.
///
///     @Test(arguments: StoreConformance.checks)
///     func `the store keeps its promises`(_ check: StoreConformance.Check) async throws {
///         try await check.run(on: MyHouse())
///     }
package enum StoreConformance {
    package typealias Store = any JournalStore & JournalReader

    /// Gives empty stores, and takes one through the end of its process.
    package protocol House: Sendable {
        /// A new, empty store.
        func open() throws -> Store
        /// The same data in a new process: the store given is not used again.
        func reopen(_ store: Store) throws -> Store
    }

    /// One promise.
    package struct Check: Sendable, CustomStringConvertible {
        package let name: String
        let body: @Sendable (any House) async throws -> Void

        package var description: String { name }

        /// Throws `Failure` when the promise is broken.
        package func run(on house: any House) async throws { try await body(house) }
    }

    /// A broken promise.
    package struct Failure: Error, CustomStringConvertible {
        package let description: String

        package init(description: String) { self.description = description }
    }

    /// All of them.
    package static let checks: [Check] = writing + reading + listing + agreeing + ledger + claiming + stories

    static func expect(_ isTrue: Bool, _ sentence: @autoclosure () -> String) throws {
        guard isTrue else { throw Failure(description: sentence()) }
    }

    package static func equal<Value: Equatable>(_ found: Value, _ expected: Value, _ what: String) throws {
        try expect(found == expected, "\(what): found \(found), expected \(expected)")
    }

    /// What `body` throws must be of this kind.
    static func expectError(
        _ what: String, _ matches: (StoreError) -> Bool, _ body: () throws(StoreError) -> Void
    ) throws {
        do throws(StoreError) {
            try body()
        } catch {
            return try expect(matches(error), "\(what): threw \(error)")
        }
        throw Failure(description: "\(what): did not throw")
    }

    /// The sides of a store: a call is blocking or asynchronous by the protocol that it is made through.
    static func sides(_ store: Store) -> (writer: any JournalStore, reader: any JournalReader) { (store, store) }
}

// MARK: - Writing

extension StoreConformance {
    static let writing: [Check] = [
        Check(name: "each epoch is greater than the one before, across processes") { house in
            let store = try house.open()
            let first = try store.beginEpoch()
            let second = try store.beginEpoch()
            let third = try house.reopen(store).beginEpoch()
            try expect(0 < first && first < second && second < third, "epochs \(first), \(second), \(third)")
        },
        Check(name: "an engine of an older epoch cannot commit") { house in
            let store = try house.open()
            var history = History(epoch: try store.beginEpoch())
            let run = history.newRun()
            try store.commit(history.take())
            let current = try store.beginEpoch()
            history.record(run)
            try expectError("a commit of epoch \(history.epoch) in \(current)", { if case .fatal = $0 { true } else { false } }) {
                () throws(StoreError) in try store.commit(history.take())
            }
            try equal(try sides(house.reopen(store)).writer.journal(of: run)?.count, 1, "records after the refused commit")
        },
        Check(name: "a batch that fails leaves nothing of itself") { house in
            let store = try house.open()
            var history = History(epoch: try store.beginEpoch())
            let run = history.newRun()
            try store.commit(history.take())
            let other = history.newRun()
            history.record(run)
            history.record(run)
            var batch = history.take()
            batch.records[2].sequence = 1
            batch.setTimers = [TimerRow(id: .init(run: run, step: StepPath("a")), due: Instant(milliseconds: 5))]
            try expectError("a record number given twice", { _ in true }) { () throws(StoreError) in try store.commit(batch) }
            let (writer, _) = sides(try house.reopen(store))
            try equal(try writer.journal(of: run)?.count, 1, "records of the run")
            try equal(try writer.run(other), nil, "the new run of the failed batch")
            try equal(try writer.timers(), [], "timers of the failed batch")
        },
        Check(name: "what was committed survives the process") { house in
            let store = try house.open()
            var history = History(epoch: try store.beginEpoch())
            for _ in 0..<3 { history.fill(history.newRun()) }
            try store.commit(history.take())
            let before = try await Snapshot(store)
            try equal(try await Snapshot(house.reopen(store)), before, "everything, after reopening")
        },
        Check(name: "rows are replaced by their key") { house in
            let store = try house.open()
            var history = History(epoch: try store.beginEpoch())
            let run = history.newRun()
            for _ in 0..<4 {
                history.fill(run)
                try store.commit(history.take())
            }
            try equal(try await Snapshot(store), await Snapshot(history), "everything")
        },
        Check(name: "a run that was never created cannot be written to") { house in
            let store = try house.open()
            var history = History(epoch: try store.beginEpoch())
            let run = history.newRun()
            _ = history.take()
            history.record(run)
            try expectError("a record without a run", { _ in true }) { () throws(StoreError) in try store.commit(history.take())
            }
        },
        Check(name: "timers and messages are removed, those set in the same batch as said") { house in
            let store = try house.open()
            var history = History(epoch: try store.beginEpoch())
            let run = history.newRun()
            let (one, two) = (TimerRow.ID(run: run, step: StepPath("one")), TimerRow.ID(run: run, step: StepPath("two")))
            var batch = history.take()
            batch.setTimers = [
                TimerRow(id: one, due: Instant(milliseconds: 9)), TimerRow(id: two, due: Instant(milliseconds: 7)),
            ]
            let ids = (0..<3).map { OutboxRow.id(record: 1, notice: $0) }
            batch.addOutbox = ids.map { OutboxRow(id: $0, run: run, kind: "waits", body: ["n": .int($0)]) }
            try store.commit(batch)
            try equal(try store.timers().map(\.id), [two, one], "timers in order of their time")
            try equal(try store.outbox(after: 0, limit: 10), batch.addOutbox, "messages of one record")
            try equal(try store.outbox(after: ids[0], limit: 1).map(\.id), [ids[1]], "a page of messages")
            batch = CommitBatch(epoch: history.epoch)
            batch.removeTimers = [one, two]
            batch.setTimers = [TimerRow(id: one, due: Instant(milliseconds: 3))]
            let last = OutboxRow.id(record: 2, notice: 0)
            batch.addOutbox = [OutboxRow(id: last, run: run, kind: "waits", body: .null)]
            batch.removeOutbox = [ids[1], last]
            try store.commit(batch)
            try equal(try store.timers(), batch.setTimers, "timers after removal")
            try equal(try store.outbox(after: 0, limit: 10).map(\.id), [ids[0], ids[2]], "messages after one of them was removed")
        },
        Check(name: "blobs of every size are kept by digest, once") { house in
            let store = try house.open()
            let epoch = try store.beginEpoch()
            let sizes = [0, 1, 64 << 10, 64 << 10 + 1, 1 << 20]
            var batch = CommitBatch(epoch: epoch)
            batch.blobs = sizes.map { size in
                let bytes = (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ size) }
                return (Digest(of: bytes), bytes)
            }
            try store.commit(batch)
            try store.commit(batch)
            let (writer, reader) = sides(try house.reopen(store))
            for (digest, bytes) in batch.blobs {
                try expect(try writer.blob(digest) == bytes, "blob of \(bytes.count) bytes, writer's side")
                try expect(try await reader.blob(digest) == bytes, "blob of \(bytes.count) bytes, reader's side")
            }
            try equal(try writer.blob(Digest(of: [9, 9])), nil, "a blob that was never stored")
        },
        Check(name: "the breadcrumb survives the process, and can be taken away") { house in
            let store = try house.open()
            try equal(try store.breadcrumb(), nil, "breadcrumb of a new store")
            var history = History(epoch: 1)
            let crumb = Breadcrumb(run: history.newRun(), crashes: 3)
            try store.setBreadcrumb(Breadcrumb(run: crumb.run, crashes: 1_000_000))
            try store.setBreadcrumb(crumb)
            let again = try house.reopen(store)
            try equal(try again.breadcrumb(), crumb, "breadcrumb after the process ended")
            try again.setBreadcrumb(nil)
            try equal(try house.reopen(again).breadcrumb(), nil, "breadcrumb after it was taken away")
        },
    ]
}
