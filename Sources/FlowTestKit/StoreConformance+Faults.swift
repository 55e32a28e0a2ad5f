internal import FlowEngine
internal import FlowModel

// Every call of the store goes wrong in every way, with the real engine on top.
extension StoreConformance {
    /// What came of all faults.
    package struct FaultReport: Sendable {
        package fileprivate(set) var calls = 0
        package fileprivate(set) var cases = 0
        /// Those after which the engine had to end.
        package fileprivate(set) var ends = 0
        package fileprivate(set) var faults: [String] = []
    }

    /// Plays the story of every transition once for each store call and fault; `stride` leaves calls out.
    ///
    /// An engine whose store refuses goes on, and the story ends as it does without faults; one whose store is lost says that it must end.
    /// Either way, what was answered is in the journal, and a new engine on the store finds rows that follow from it, and goes on.
    package static func faults(on house: any House, stride: Int = 1, offset: Int = 0) async throws -> FaultReport {
        var report = FaultReport()
        let (reference, sound) = try await play(house, nil, at: 0, ManualWorld())
        guard let reference, case .success = sound else { throw Failure(description: "the story fails without a fault: \(sound)") }
        let calls = reference.calls
        report.calls = calls.count
        let expected = try await outline(of: reference.store)
        for number in Swift.stride(from: 1 + offset, through: calls.count, by: stride) {
            for fault in FaultyStore.Fault.allCases {
                report.cases += 1
                do {
                    if try await check(house, fault, at: number, expected) { report.ends += 1 }
                } catch {
                    report.faults.append("\(fault.rawValue) in call \(number), \(calls[number - 1]): \(error)")
                }
            }
        }
        return report
    }

    /// Plays the story as far as it goes; gives the last store that it had.
    private static func play(
        _ house: any House, _ fault: FaultyStore.Fault?, at number: Int, _ world: ManualWorld
    ) async throws -> (FaultyStore?, Result<Void, any Error>) {
        var last = FaultyStore(try house.open(), fault, at: number)
        do {
            _ = try await EveryTransition.play(on: last, in: world) { _ in
                guard let store = last.store as? Store else { throw Failure(description: "the store cannot be read") }
                last = FaultyStore(try house.reopen(store), fault, at: number, after: last)
                return last
            }
            return (last, .success(()))
        } catch {
            return (last, .failure(error))
        }
    }

    /// True when the engine had to end.
    private static func check(
        _ house: any House, _ fault: FaultyStore.Fault, at number: Int, _ expected: [String]
    ) async throws -> Bool {
        let world = ManualWorld()
        let (last, result) = try await play(house, fault, at: number, world)
        guard let last, let store = last.store as? Store else { throw Failure(description: "there is no store") }
        let isEnd = fault == .errorAfter || fault == .disconnect
        if case .failure(let error) = result {
            try expect(isEnd, "the engine did not go on: \(error)")
            // One that cannot begin refuses to; one that only reads meanwhile finds out with its next commit.
            let isRefusal = (error as? FlowError)?.code == .storage
            try expect(world.lost != nil || isRefusal || last.calls[number - 1] != "commit", "the engine did not say that it must end: \(error)")
        } else {
            let found = try await outline(of: store)
            try expect(found == expected, "the runs are other: \(found.filter { !expected.contains($0) })")
        }
        let after = try house.reopen(store)
        let (writer, _) = sides(after)
        for record in last.acknowledged {
            try expect(try writer.journal(of: record.run)?.contains(record) == true, "record \(record.sequence) was acknowledged and is gone")
        }
        for answer in world.answers {
            let journal = try writer.journal(of: answer.run)
            try expect(journal != nil, "run \(answer.run) was acknowledged and is gone")
            if let head = answer.head, head.sequence > 0 {
                try expect(journal?.contains { $0.hash == head.hash } == true, "the answer at record \(head.sequence) is not in the journal")
            }
        }
        try await goOn(after)
        return isEnd
    }

    private static func goOn(_ store: Store) async throws {
        let runs = try await store.runs(RunQuery(limit: 1_000)).map(\.id)
        let driver = try EngineDriver(store, ManualWorld(seed: 7))
        do {
            try await driver.settle()
            for run in runs { try await driver.checkProjection(of: run, store) }
            try await driver.finish(runs, by: EveryTransition.alice)
            for run in runs { try await driver.checkProjection(of: run, store) }
        } catch {
            await driver.engine.shutdown()
            throw error
        }
        await driver.engine.shutdown()
    }

    /// What became of each run and step, without ids and times: those differ when a start is asked for again.
    private static func outline(of store: any JournalStore) async throws -> [String] {
        guard let store = store as? Store else { throw Failure(description: "the store cannot be read") }
        var lines: [String] = []
        for run in try await store.runs(RunQuery(limit: 1_000)) {
            let steps = try await store.steps(of: run.id, after: nil, limit: 1_000)
            let states = steps.map { "\($0.path) \($0.state.rawValue) \($0.generation) \($0.attempt?.number ?? 0)" }
            lines.append("\(run.flow) \(run.state.rawValue): \(states.joined(separator: ", "))")
        }
        let (writer, _) = sides(store)
        for time in EveryTransition.nominalTimes {
            let row = try writer.occurrence(time)
            lines.append("\(time.nominal) \(row?.state.rawValue ?? "has no record") \(row?.reason?.rawValue ?? "") \(row?.run == nil)")
        }
        return lines.sorted()
    }

    static let stories: [Check] = [
        Check(name: "a story that uses every transition ends as in the memory store, row by row") { house in
            let (ours, theirs) = (try house.open(), MemoryStore())
            let last = try await EveryTransition.play(on: ours) { store in
                guard let store = store as? Store else { throw Failure(description: "the store cannot be read") }
                return try house.reopen(store)
            }
            let model = try await EveryTransition.play(on: theirs) { ($0 as? MemoryStore)?.afterCrash() ?? $0 }
            guard let last = last as? Store, let model = model as? Store else { throw Failure(description: "the store cannot be read") }
            let (one, other) = (try await Snapshot(last), try await Snapshot(model))
            try expect(!other.runs.isEmpty && other.steps.joined().count > 20, "the story is told")
            try equal(one, other, "everything")
            for time in EveryTransition.nominalTimes {
                try equal(try sides(last).0.occurrence(time), try sides(model).0.occurrence(time), time.nominal)
            }
        }
    ]
}
