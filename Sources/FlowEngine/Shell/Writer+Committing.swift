import FlowModel

/// What was decided is written in one transaction, and only then answered and carried out.
extension Writer {
    func commit() {
        var batch = transaction.batch
        for id in transaction.order { record(id, in: &batch) }
        batch.removeClaims += transaction.orphans
        batch.rates = leases.changedRates
        guard !batch.isEmpty else {
            if deferred.isEmpty { commitRefusals.nothingWaits() }
            return publish(batch)
        }
        do throws(StoreError) {
            try store.commit(batch)
            commitRefusals.end()
            if let message = refusals.ended(at: transaction.now) { environment.log(.info, message) }
            publish(batch)
        } catch {
            rollBack(error)
        }
    }

    /// Adds the journal record and the rows of one run to the batch.
    private func record(_ id: RunID, in batch: inout CommitBatch) {
        guard var loaded = cache.removeValue(forKey: id), let change = transaction.changes[id] else { return }
        defer { cache[id] = loaded }
        guard !change.entries.isEmpty else { return }
        sequence += 1
        let at = transaction.now
        let bytes = Entry.encode(change.entries) { bytes in
            let digest = environment.hash(bytes)
            batch.blobs.append((digest, bytes))
            return digest
        }
        let input = JournalRecord.chainInput(
            previous: loaded.head.hash, run: id, sequence: sequence, at: at, bytes: bytes)
        let hash = environment.hash(input)
        batch.records.append(JournalRecord(sequence: sequence, run: id, at: at, hash: hash, bytes: bytes))
        loaded.head = JournalHead(sequence: sequence, hash: hash)
        for (number, notice) in change.notices.enumerated() {
            let id = OutboxRow.id(record: sequence, notice: number)
            batch.addOutbox.append(OutboxRow(id: id, run: loaded.run.id, kind: notice["kind"]?.text ?? "", body: notice))
        }
        projection.write(&loaded, to: &batch)
    }

    private func publish(_ batch: CommitBatch) {
        leases.commit()
        for id in transaction.order {
            for timer in cache[id]?.newTimers ?? [] { timers.insert(timer, at: transaction.moment) }
            cache[id]?.newTimers = []
        }
        for (receipt, reply) in transaction.startReplies {
            var receipt = receipt
            if receipt.isNew { receipt.row = cache[receipt.run].map(projection.runRow) }
            reply(.success(receipt))
        }
        for (rows, reply) in transaction.occurrenceReplies { reply(.success(rows)) }
        for (id, reply) in transaction.runReplies {
            guard let loaded = cache[id] else { continue }
            reply(.success(projection.runRow(of: loaded)))
        }
        for row in batch.runs {
            let hasMessages = transaction.changes[row.id]?.notices.isEmpty == false
            feed.send(RunChange(run: row.id, sequence: row.head.sequence, state: row.state, hasMessages: hasMessages))
        }
        for id in transaction.order {
            for action in transaction.changes[id]?.actions ?? [] { carryOut(action) }
        }
        for id in transaction.order { evictIfDone(id) }
        deferred += transaction.later.map { .consequence($0) }
        transaction = Transaction(epoch: epoch, at: environment.moment)
    }

    private func carryOut(_ action: RunMachine.Action) {
        switch action {
        case .dispatch(let order): dispatcher.dispatch(order)
        case .proceed(let id): dispatcher.proceed(id)
        case .stop(let id, let force): dispatcher.stop(id, force: force)
        case .forget(let id, let target): dispatcher.forget(id, target: target)
        case .call(let order): environment.call(order)
        case .findHosts(let search): environment.findHosts(search)
        // Those that are about other runs were taken before the commit.
        case .child, .lookAtChild: break
        }
    }

    private func evictIfDone(_ id: RunID) {
        guard let loaded = cache[id] else { return }
        let isOneTooMany = loaded.isParked && cache.count > Writer.parkedKept
        if loaded.run.state.isTerminal || isOneTooMany && !isWorthKeeping(loaded) { cache[id] = nil }
    }

    /// A long run takes seconds to be folded again, in which what is asked of it waits.
    private func isWorthKeeping(_ loaded: LoadedRun) -> Bool {
        loaded.isLong && cache.values.count(where: \.isLong) <= Writer.longKept
    }

    /// Nothing was kept: forget what was decided, tell those who wait, and decide the rest again later.
    private func rollBack(_ error: StoreError) {
        for id in transaction.order { cache[id] = nil }
        leases.rollBack()
        for revision in transaction.newPlans { planDigests[revision] = nil }
        for timer in transaction.poppedTimers { timers.putBack(timer, at: transaction.moment) }
        let refusal = FlowError.storage(error, subject: "journal")
        let reason: String = if case .refused(let why) = error { why } else { refusal.message }
        // Whoever is told of it finds it said of the engine, too.
        commitRefusals.note(reason, at: transaction.now, isWaiting: !(transaction.repeatable.isEmpty && deferred.isEmpty))
        for (_, reply) in transaction.startReplies { reply(.failure(refusal)) }
        for (_, reply) in transaction.runReplies { reply(.failure(refusal)) }
        for (_, reply) in transaction.occurrenceReplies { reply(.failure(refusal)) }
        let again = transaction.repeatable
        transaction = Transaction(epoch: epoch, at: environment.moment)
        if case .fatal(let message) = error {
            environment.log(.error, "the journal is lost to this process: \(message)")
            environment.fatal(message)
            return
        }
        if let message = refusals.note(refusal.message, at: transaction.now) { environment.log(.error, message) }
        transaction.wasRefused = true
        deferred = again + deferred
    }
}
