import FlowModel

// Nominal times of schedules: each gets its one record, in the same commit as the run that belongs to it.
extension Writer {
    /// A fault of one time is its record's reason; a fault of the store is everybody's, and they are recorded later.
    func record(
        _ requests: [OccurrenceRequest], _ positions: [SchedulePosition], _ reply: @escaping (Result<[OccurrenceRow], FlowError>) -> Void
    ) {
        do throws(StoreError) {
            var rows: [OccurrenceRow] = []
            for request in requests { rows.append(try record(request)) }
            transaction.batch.schedulePositions += positions
            transaction.occurrenceReplies.append((rows, reply))
        } catch {
            reply(.failure(FlowError.storage(error, subject: "schedules")))
        }
    }

    private func record(_ request: OccurrenceRequest) throws(StoreError) -> OccurrenceRow {
        let key = request.row.key
        if let known = try known(key) {
            let isOpen = known.state == .queued || known.state == .skipped && request.takesSkipped
            guard isOpen else { return try request.isOneMessage ? asked(again: request, known) : known }
            // A time that waits in the queue stays there while there is nothing new to say.
            if known.state == .queued, request.start != nil, try !goingOn(key.schedule).isEmpty, request.overlap == .queue { return known }
        }
        var row = request.row
        row.recordedAt = transaction.now
        if let start = request.start { try decide(start, for: request, &row) }
        transaction.occurrences[key] = row
        transaction.batch.occurrences.append(row)
        return row
    }

    /// The run that the message has, or why it has none: another one came under its name.
    private func asked(again request: OccurrenceRequest, _ known: OccurrenceRow) throws(StoreError) -> OccurrenceRow {
        guard known.run != nil, let start = request.start else { return known }
        var row = known
        do {
            _ = try existing(start)
        } catch let error as StoreError {
            throw error
        } catch {
            (row.run, row.detail) = (nil, (error as? FlowError)?.message ?? "\(error)")
        }
        return row
    }

    private func known(_ key: OccurrenceRow.Key) throws(StoreError) -> OccurrenceRow? {
        if let row = transaction.occurrences[key] { return row }
        return try store.occurrence(key)
    }

    /// Starts the run of a nominal time, or says in its record why not.
    private func decide(_ start: StartRequest, for request: OccurrenceRequest, _ row: inout OccurrenceRow) throws(StoreError) {
        if try isSettled(start, &row) { return }
        let before = request.overlap == .allow ? [] : try goingOn(row.schedule)
        if let other = before.first {
            switch request.overlap {
            case .allow: break
            case .skip: (row.state, row.reason, row.detail) = (.skipped, .overlap, "run \(other) goes on")
            case .queue: (row.state, row.reason, row.detail) = (.queued, .overlap, "waits for run \(other)")
            case .replace:
                for id in before where try touchOrRefuse(id) {
                    decide(.command(.cancel, by: request.actor, message: "replaced by \(row.nominal)"), on: id)
                }
            }
            guard request.overlap == .replace else { return }
        }
        do {
            let id = try begin(start, by: request.actor)
            (row.state, row.reason, row.detail, row.run) = (.run, nil, nil, id)
            transaction.scheduleRuns[row.schedule, default: []].append(id)
        } catch let error as StoreError {
            throw error
        } catch let error as FlowError where error.code == .conflict {
            (row.state, row.reason, row.detail) = (.skipped, .overlap, error.message)
        } catch {
            (row.state, row.reason, row.detail) = (.skipped, .refused, "\(error)")
        }
    }

    /// Whether the time's key has a run already: that is the answer if it was asked for with the same content, else the record says who has it.
    private func isSettled(_ start: StartRequest, _ row: inout OccurrenceRow) throws(StoreError) -> Bool {
        do {
            guard let receipt = try existing(start) else { return false }
            (row.state, row.reason, row.detail, row.run) = (.run, nil, nil, receipt.run)
        } catch let error as StoreError {
            throw error
        } catch {
            (row.state, row.reason, row.detail) = (.skipped, .refused, (error as? FlowError)?.message ?? "\(error)")
        }
        return true
    }

    /// The schedule's runs that have not ended, with what this transaction did to them.
    private func goingOn(_ schedule: String) throws(StoreError) -> [RunID] {
        let started = transaction.scheduleRuns[schedule] ?? []
        return (try store.openRuns(ofSchedule: schedule) + started).filter { cache[$0]?.run.state.isTerminal != true }
    }
}
