package import FlowModel

/// Folds runs from what views read, so that looking at one, however long, never holds the writer up.
package struct RunReader: Sendable {
    /// Records that are folded at once, between which other tasks have their turn.
    static let pageRecords = 500

    private let reader: any JournalReader
    private let hash: @Sendable ([UInt8]) -> Digest

    package init(_ reader: any JournalReader, hash: @escaping @Sendable ([UInt8]) -> Digest) {
        self.reader = reader
        self.hash = hash
    }

    /// The rows that the run's journal makes, checking every hash; nil when there is no such run. Throws `StoreError.corrupt` when a record or
    /// blob is not what was written.
    package func rows(of run: RunID) async throws -> RefoldedRun? { try await load(run).map(Projection(hash: hash).rows) }

    /// How the run began, with its inputs and hosts as they are now; nil when there is no such run. Reads the journal and folds nothing.
    package func content(of id: RunID) async throws -> Created? {
        var (content, last): (Created?, Int) = (nil, 0)
        while true {
            let records = try await reader.journal(of: id, after: last, limit: RunReader.pageRecords)
            for record in records {
                for entry in try Entry.decode(record.bytes, fetch: { _ in Array("null".utf8) }) {
                    if case .created(let created) = entry { content = created } else { content?.take(entry) }
                }
                last = record.sequence
            }
            if records.count < RunReader.pageRecords { return content }
        }
    }

    /// The run as its journal says at some moment since this was called.
    func load(_ id: RunID) async throws -> LoadedRun? {
        var fold = RunFold(id)
        while true {
            let records = try await reader.journal(of: id, after: fold.head.sequence, limit: RunReader.pageRecords)
            if fold.run == nil, let first = records.first { fold.begin(try await plan(of: first)) }
            for record in records { try await apply(record, to: &fold) }
            if records.count == RunReader.pageRecords { continue }
            // Read after the journal: it ends where the row says, or more has come meanwhile.
            guard let row = try await reader.run(id) else { return nil }
            if row.head == fold.head { return fold.loaded }
            guard row.head.sequence > fold.head.sequence, !records.isEmpty else {
                // The row may have been read a moment after a record that was not there yet.
                let later = try await reader.journal(of: id, after: fold.head.sequence, limit: 1)
                guard later.isEmpty else { continue }
                throw StoreError.corrupt("the journal of run \(id) ends at record \(fold.head.sequence), its row says \(row.head.sequence)")
            }
        }
    }

    private func apply(_ record: JournalRecord, to fold: inout RunFold) async throws {
        var blobs: [Digest: [UInt8]] = [:]
        var missing: [Digest] = []
        // Values that are in blobs are few: those that a record names are fetched before it is taken in.
        _ = try Entry.decode(record.bytes) { digest in
            missing.append(digest)
            return Array("null".utf8)
        }
        for digest in missing { blobs[digest] = try await reader.blob(digest) }
        try fold.apply(record, hash: hash) { blobs[$0] }
    }

    private func plan(of first: JournalRecord) async throws -> PlanIndex {
        let entries = try Entry.decode(first.bytes) { _ in Array("null".utf8) }
        guard case .created(let created)? = entries.first else {
            throw StoreError.corrupt("the journal of run \(first.run) does not begin with its creation (record \(first.sequence))")
        }
        return try RunLoader.index(created.plan, try await reader.blob(created.plan), hash: hash)
    }
}

// MARK: - Undoing

extension RunReader {
    /// Something that an undo would take back.
    package struct Undoable: Hashable, Sendable {
        package var step: StepPath
        /// The target, of a rollout.
        package var target: String?
        /// The names of the steps that undo it.
        package var by: [String]
    }

    /// What became of its undo; nil when there is no such run.
    package func undoOutcome(of run: RunID) async throws -> UndoOutcome? { try await load(run)?.run.undoOutcome(hash: hash) }

    /// What an undo of the run, or of a step and what came after it, would take back: the items of a stage together, a stage when the one
    /// before it is over. Refused as the undo would be.
    package func undoStages(of run: RunID, from path: StepPath?) async throws -> (stages: [[Undoable]], stays: [String]) {
        guard let run = try await load(run)?.run else { return ([], []) }
        let stages = try RunMachine.undoStages(of: run, from: path, hash: hash).map { stage in
            stage.map { item in
                let scope = run.index.undos[run.steps[item.step.index].node].map { run.index.scopes[$0].nodes } ?? []
                return Undoable(
                    step: item.step.path, target: item.element.flatMap { run.steps[item.step.index].elements?.keys[$0] },
                    by: scope.map { run.plan.nodes[$0].name })
            }
        }
        return (stages, path == nil ? run.staysWhenUndone : [])
    }
}
