internal import FlowEngine
internal import FlowModel

extension StoreConformance {
    private static func claim(_ run: RunID, _ path: String, granted: Bool = false, priority: Int = 5) -> ClaimRow {
        ClaimRow(
            id: ClaimRow.ID(run: run, step: StepPath(path)), flow: "flow", priority: priority,
            demands: [
                Demand(name: "it's a lock", kind: .exclusive), Demand(name: "s", kind: .shared),
                Demand(name: "api", kind: .slots(weight: 2, of: 10)), Demand(name: "r", kind: .rate(count: 3, seconds: 60)),
                Demand(name: "f", kind: .overlap),
            ], since: Instant(milliseconds: 5), grantedAt: granted ? Instant(milliseconds: 6) : nil)
    }

    static let claiming: [Check] = [
        Check(name: "claims and rates are kept across processes, replaced by their key, and go when they are told to") { house in
            let store = try house.open()
            var history = History(epoch: try store.beginEpoch())
            let (one, other, ended) = (history.newRun(), history.newRun(), history.newRun())
            for run in [one, other] { history.change(run) { $0.state = .waiting } }
            history.change(ended) { $0.state = .failed }
            func row(_ run: RunID, _ path: String, granted: Bool = false) -> ClaimRow {
                var row = claim(run, path, granted: granted)
                row.flow = history.runs[run]?.flow ?? ""
                return row
            }
            var batch = history.take()
            let callers = [ClaimRow.ID(run: one, step: StepPath("each[1]/call")), ClaimRow.ID(run: ended, step: StepPath("call"))]
            batch.setClaims = [row(one, "run:"), row(one, "a"), row(other, "deploy[web-1]", granted: true), row(ended, "left")]
            batch.setClaims[2].callers = callers
            batch.rates = [
                RateRow(name: "r", seconds: 60, starts: [Instant(milliseconds: 7), Instant(milliseconds: 9)]),
                RateRow(name: "gone", seconds: 1, starts: [Instant(milliseconds: 7)]),
            ]
            try store.commit(batch)
            var second = CommitBatch(epoch: history.epoch)
            second.removeClaims = [row(one, "run:").id, row(one, "never was").id]
            second.setClaims = [row(one, "a", granted: true)]
            second.rates = [RateRow(name: "gone", seconds: 1, starts: [])]
            try store.commit(second)
            let (writer, reader) = sides(try house.reopen(store))
            var expected = [row(one, "a", granted: true), row(other, "deploy[web-1]", granted: true)]
            expected[1].callers = callers
            try equal(try writer.claims(), expected, "what is claimed")
            try equal(try await reader.claims(after: nil, limit: 1), [expected[0]], "the first page of what is claimed")
            let rest = try await reader.claims(after: expected[0].id, limit: 5)
            try equal(rest, [expected[1], row(ended, "left")], "the page after it, with what is left over")
            try equal(
                try writer.rates(), [RateRow(name: "r", seconds: 60, starts: [Instant(milliseconds: 7), Instant(milliseconds: 9)])], "the rates")
        }
    ]
}
