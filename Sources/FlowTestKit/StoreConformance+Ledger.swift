internal import FlowEngine
internal import FlowModel

extension StoreConformance {
    private static func row(_ name: String, _ minute: Int, run: RunID? = nil) -> OccurrenceRow {
        OccurrenceRow(
            schedule: name, nominal: "minute \(minute)", at: Instant(milliseconds: Int64(minute) * 60_000), wall: minute, revision: 1,
            state: run == nil ? .skipped : .run, reason: run == nil ? .missed : nil, run: run, recordedAt: Instant(milliseconds: 7))
    }

    static let ledger: [Check] = [
        Check(name: "a nominal time has one record, kept across processes and replaced by its key") { house in
            let store = try house.open()
            var history = History(epoch: try store.beginEpoch())
            let run = history.newRun()
            var batch = history.take()
            batch.occurrences = [row("a", 1), row("a", 2, run: run), row("b", 1)]
            try store.commit(batch)
            var second = CommitBatch(epoch: history.epoch)
            var changed = row("a", 1)
            (changed.state, changed.reason, changed.detail) = (.queued, .overlap, "it's waiting")
            second.occurrences = [changed]
            second.schedulePositions = [SchedulePosition(schedule: "nobody", at: Instant(milliseconds: 1), wall: 1)]
            try store.commit(second)
            let (writer, _) = sides(try house.reopen(store))
            try equal(try writer.occurrence(changed.key), changed, "the record that was replaced")
            try equal(try writer.occurrence(row("a", 2).key), row("a", 2, run: run), "the record with a run")
            try equal(try writer.occurrence(row("b", 1).key), row("b", 1), "the other schedule's record")
            try equal(try writer.occurrence(row("b", 2).key), nil, "a time without a record")
        },
        Check(name: "a record and its run are written together or not at all") { house in
            let store = try house.open()
            var history = History(epoch: try store.beginEpoch())
            let first = history.newRun()
            try store.commit(history.take())
            let run = history.newRun()
            history.record(run)
            var batch = history.take()
            batch.occurrences = [row("a", 1, run: run)]
            batch.records[0].sequence = 1
            try expectError("a record number given twice", { _ in true }) { () throws(StoreError) in try store.commit(batch) }
            let (writer, _) = sides(try house.reopen(store))
            try equal(try writer.occurrence(row("a", 1).key), nil, "the record of the failed batch")
            try equal(try writer.run(run), nil, "the run of the failed batch")
            try expect(try writer.run(first) != nil, "the run before it")
        },
        Check(name: "the open runs of a schedule are those of its records that have not ended") { house in
            let store = try house.open()
            var history = History(epoch: try store.beginEpoch())
            let (ended, open, other) = (history.newRun(), history.newRun(), history.newRun())
            history.change(ended) { $0.state = .failed }
            history.change(open) { $0.state = .waiting }
            history.change(other) { $0.state = .running }
            var batch = history.take()
            batch.occurrences = [row("a", 1, run: ended), row("a", 2, run: open), row("a", 3), row("b", 1, run: other)]
            try store.commit(batch)
            let (writer, _) = sides(try house.reopen(store))
            try equal(try writer.openRuns(ofSchedule: "a"), [open], "open runs of a")
            try equal(try writer.openRuns(ofSchedule: "c"), [], "open runs of a schedule that never was")
        },
        Check(name: "an open run of an old time is seen behind many newer ones that have ended") { house in
            let store = try house.open()
            var history = History(epoch: try store.beginEpoch())
            let backfilled = history.newRun()
            history.change(backfilled) { $0.state = .waiting }
            let ended = (0..<150).map { _ in history.newRun() }
            for run in ended { history.change(run) { $0.state = .succeeded } }
            var batch = history.take()
            batch.occurrences = [row("a", 1, run: backfilled)] + ended.enumerated().map { row("a", 10 + $0, run: $1) }
            try store.commit(batch)
            let (writer, _) = sides(try house.reopen(store))
            try equal(try writer.openRuns(ofSchedule: "a"), [backfilled], "open runs of a")
        },
    ]
}
