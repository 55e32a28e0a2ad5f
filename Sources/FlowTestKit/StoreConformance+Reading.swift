internal import FlowEngine
internal import FlowModel

extension StoreConformance {
    static let reading: [Check] = [
        Check(name: "a store without runs answers") { house in
            let store = try house.open()
            let (writer, reader) = sides(store)
            var history = History(epoch: try store.beginEpoch())
            let run = history.newRun()
            try equal(try writer.lastSequence(), 0, "last sequence")
            try expect(try writer.journal(of: run) == nil, "journal of no run")
            try expect(try writer.run(key: "k") == nil, "run by no key")
            try equal(try writer.liveRuns(), [], "live runs")
            try equal(try await reader.runs(RunQuery()), [], "runs")
            try equal(try await reader.steps(of: run, after: nil, limit: 10), [], "steps")
            try equal(try await reader.step(of: run, at: StepPath("a")), nil, "step")
            try equal(try await reader.approvals(state: nil, run: nil, limit: 10), [], "approvals")
            try equal(try await reader.journal(of: run, after: 0, limit: 10), [], "journal")
        },
        Check(name: "every field of every row is read as it was written") { house in
            let store = try house.open()
            var history = History(epoch: try store.beginEpoch())
            for _ in 0..<20 { history.fill(history.newRun()) }
            try store.commit(history.take())
            try equal(try await Snapshot(store), await Snapshot(history), "everything")
        },
        Check(name: "the journal comes in order and in pages") { house in
            let store = try house.open()
            var history = History(epoch: try store.beginEpoch())
            let (one, two) = (history.newRun(), history.newRun())
            for number in 0..<50 { history.record(number % 3 == 0 ? one : two) }
            try store.commit(history.take())
            let (writer, reader) = sides(store)
            try equal(try writer.lastSequence(), 52, "last sequence")
            let all = history.records[one] ?? []
            try equal(try writer.journal(of: one), all, "journal of the writer's side")
            var pages: [JournalRecord] = []
            while true {
                let page = try await reader.journal(of: one, after: pages.last?.sequence ?? 0, limit: 7)
                try expect(page.count <= 7, "a page of \(page.count)")
                if page.isEmpty { break }
                pages += page
            }
            try equal(pages, all, "all pages")
            try equal(
                try await reader.journal(of: one, after: all[3].sequence, limit: 2), Array(all[4...5]), "the records after one")
        },
        Check(name: "steps come in order of index and in pages") { house in
            let store = try house.open()
            var history = History(epoch: try store.beginEpoch())
            let (one, two) = (history.newRun(), history.newRun())
            for index in (0..<30).reversed() { history.step(of: one, index, kind: index % 7 == 0 ? "fetch" : index % 7 == 1 ? "copy" : "shell") }
            history.step(of: two, 0)
            try store.commit(history.take())
            let (_, reader) = sides(store)
            let first = try await reader.steps(of: one, after: nil, limit: 12)
            try equal(first.map(\.index), Array(0..<12), "first page")
            try equal(try await reader.steps(of: one, after: 11, limit: 100).map(\.index), Array(12..<30), "the rest")
            let kinds = ["fetch", "copy", "no'such"]
            let some = try await reader.steps(of: one, kinds: kinds, after: 1, limit: 4)
            try equal(some.map(\.index), [7, 8, 14, 15], "those of some kinds")
            try equal(try await reader.steps(of: one, kinds: ["no'such"], after: nil, limit: 4), [], "those of no kind")
            try equal(try await reader.step(of: one, at: first[5].path), first[5], "a step by its path")
            try equal(try await reader.step(of: one, at: StepPath("nothing")), nil, "no such path")
        },
        Check(name: "older attempts come newest first") { house in
            let store = try house.open()
            var history = History(epoch: try store.beginEpoch())
            let run = history.newRun()
            let path = StepPath("deploy[web-1]/switch")
            for number in 1...5 { history.attempt(of: run, path, number) }
            history.attempt(of: run, StepPath("other"), 9)
            try store.commit(history.take())
            let rows = try await sides(store).reader.olderAttempts(of: run, at: path, limit: 3)
            try equal(rows.map(\.number), [5, 4, 3], "attempts")
        },
        Check(name: "a key leads to its run and the fingerprint of its request") { house in
            let store = try house.open()
            var history = History(epoch: try store.beginEpoch())
            let run = history.newRun(key: "nightly-2026-02-01")
            _ = history.newRun()
            try store.commit(history.take())
            let found = try sides(store).writer.run(key: "nightly-2026-02-01")
            try equal(found?.id, run, "the run")
            try equal(found?.fingerprint, history.fingerprints[run], "the fingerprint")
            try expect(try sides(store).writer.run(key: "nightly") == nil, "part of a key")
        },
        Check(name: "live runs come oldest first and leave the list when they rest") { house in
            let store = try house.open()
            var history = History(epoch: try store.beginEpoch())
            let runs = (0..<4).map { _ in history.newRun() }
            for run in runs { history.change(run) { $0.isLive = true } }
            try store.commit(history.take())
            try equal(try store.liveRuns(), runs, "live runs")
            history.change(runs[1]) { $0.isLive = false }
            try store.commit(history.take())
            try equal(try house.reopen(store).liveRuns(), [runs[0], runs[2], runs[3]], "live runs later")
        },
    ]

    static let listing: [Check] = [
        Check(name: "lists are newest first and filter by state, flow, label and age") { house in
            let store = try house.open()
            var history = History(epoch: try store.beginEpoch(), seed: 7)
            for _ in 0..<120 {
                history.newRun()
                if history.chance(3) { try store.commit(history.take()) }
            }
            try store.commit(history.take())
            let (_, reader) = sides(store)
            for _ in 0..<200 {
                let query = history.query()
                let expected = history.runs.values.filter { row in
                    (query.states.isEmpty || query.states.contains(row.state)) && query.flow ?? row.flow == row.flow
                        && query.labels.allSatisfy { row.labels[$0.key] == $0.value }
                        && query.before.map { row.id < $0 } ?? true
                }.map(\.id).sorted(by: >).prefix(query.limit)
                try equal(try await reader.runs(query).map(\.id), Array(expected), "\(query)")
            }
        },
        Check(name: "a prefix finds its runs, two at most") { house in
            let store = try house.open()
            var history = History(epoch: try store.beginEpoch())
            let runs = (0..<5).map { _ in history.newRun() }
            try store.commit(history.take())
            let (_, reader) = sides(store)
            for run in runs {
                try equal(try await reader.runIDs(startingWith: run.text), [run], "all of an id")
                try equal(try await reader.runIDs(startingWith: run.text.uppercased()), [run], "an id in capitals")
            }
            try equal(try await reader.runIDs(startingWith: ""), Array(runs.prefix(2)), "no prefix")
            try equal(try await reader.runIDs(startingWith: "zz"), [], "a prefix of no id")
            try equal(try await reader.runIDs(startingWith: "%"), [], "a wild card is no wild card")
        },
        Check(name: "approvals are newest first and filter by state and run") { house in
            let store = try house.open()
            var history = History(epoch: try store.beginEpoch())
            let runs = (0..<6).map { _ in history.newRun() }
            for run in runs { for generation in 1...3 { history.approval(of: run, StepPath("go"), generation) } }
            try store.commit(history.take())
            let (_, reader) = sides(store)
            for state in ApprovalRow.State.allCases.map(Optional.some) + [nil] {
                for run in runs.map(Optional.some) + [nil] {
                    let expected = history.approvals.values.filter {
                        state ?? $0.state == $0.state && run ?? $0.run == $0.run
                    }.sorted { ($0.since, $0.run, $0.generation) > ($1.since, $1.run, $1.generation) }
                    try equal(
                        try await reader.approvals(state: state, run: run, limit: 5), Array(expected.prefix(5)),
                        "approvals, state \(String(describing: state)), run \(String(describing: run))")
                }
            }
            for row in history.approvals.values {
                guard let id = ApprovalRow.ID(row.id) else { throw Failure(description: "\(row.id) is no id") }
                try equal(try await reader.approval(id), row, "the approval \(row.id)")
                var other = id
                other.generation += 10
                try equal(try await reader.approval(other), nil, "one that is not there")
            }
        },
    ]

    static let agreeing: [Check] = [
        Check(name: "random histories read as in the memory store, across processes") { house in
            for seed in UInt64(1)...6 {
                var store = try house.open()
                var model = MemoryStore()
                for _ in 0..<4 {
                    let epoch = try store.beginEpoch()
                    try equal(epoch, try model.beginEpoch(), "epoch, seed \(seed)")
                    var history = History(epoch: epoch, seed: seed, continuing: model)
                    for _ in 0..<12 {
                        for _ in 0..<history.number(4) { history.fill(history.newRun()) }
                        for _ in 0..<history.number(6) { if let run = history.anyRun() { history.fill(run) } }
                        try store.commit(history.take())
                    }
                    try equal(try await Snapshot(store), await Snapshot(model), "everything, seed \(seed)")
                    store = try house.reopen(store)
                    model = model.afterCrash()
                }
            }
        }
    ]
}
