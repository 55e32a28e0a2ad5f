package import FlowEngine
package import FlowModel

/// One engine over a store, driven step by step: each call returns when what it led to is committed.
package struct EngineDriver: Sendable {
    package let store: any JournalStore
    package let engine: Engine
    package let hands = ScriptedHands()
    package let world: ManualWorld

    package init(_ store: any JournalStore, _ world: ManualWorld) throws(FlowError) {
        self.store = store
        self.world = world
        engine = try Engine(store: store, dispatcher: hands, environment: world.environment)
    }

    /// How often the store may refuse in a row.
    package static let patience = 4

    /// Waits until everything that has arrived is committed; what the store refused meanwhile is decided again.
    package func settle() async throws {
        for _ in 0...Self.patience {
            if let lost = world.lost { throw Lost(reason: lost) }
            // The answer to this comes after the turn that tried to commit what came before.
            try await engine.exclusively { _ in }
        }
    }

    /// The engine has said that it must end.
    package struct Lost: Error {
        package var reason: String
    }

    /// Asks again when nothing was kept, as people do who are told so.
    private func insisting<Result>(_ body: () async throws -> Result) async throws -> Result {
        for _ in 0..<Self.patience {
            do {
                return try await body()
            } catch let error as FlowError where error.code == .storage {
                if let lost = world.lost { throw Lost(reason: lost) }
            }
        }
        return try await body()
    }

    /// Puts the clock forward, and waits for what the timers led to.
    package func pass(seconds: Double) async throws {
        world.pass(seconds: seconds)
        // The first lets the writer look at its clock, the others come after what it then did.
        try await settle()
    }

    package func start(_ request: StartRequest, by actor: Actor) async throws -> RunID {
        world.pass(seconds: 0.001)
        let receipt = try await insisting { try await engine.start(request, by: actor) }
        world.note(.init(run: receipt.run, head: receipt.row?.head))
        // Orders leave after the answer.
        try await settle()
        return receipt.run
    }

    @discardableResult
    package func perform(
        _ command: RunCommand, on run: RunID, by actor: Actor, message: String? = nil
    ) async throws -> RunRow {
        world.pass(seconds: 0.001)
        let row = try await insisting { try await engine.perform(command, on: run, by: actor, message: message) }
        world.note(.init(run: run, head: row.head))
        try await settle()
        return row
    }

    /// Records nominal times, and notes the runs that they led to.
    package func record(_ requests: [OccurrenceRequest]) async throws -> [OccurrenceRow] {
        world.pass(seconds: 0.001)
        let positions = requests.map { SchedulePosition(schedule: $0.row.schedule, at: $0.row.at, wall: $0.row.wall) }
        let rows = try await insisting { try await engine.record(requests, positions: positions) }
        for row in rows { if let run = row.run { world.note(.init(run: run, head: nil)) } }
        try await settle()
        return rows
    }

    /// Votes on what the newest message about the step asks.
    package func vote(
        _ decision: ApprovalRow.Vote.Decision, on step: String, _ run: RunID, by actor: Actor, message: String
    ) async throws {
        var digest: Digest?
        for _ in 0...Self.patience where digest == nil {
            let asked = await engine.outbox(limit: .max).last { $0.run == run && $0.body["step"]?.stringValue == step }
            digest = asked?.body["digest"]?.stringValue.flatMap(Digest.init(hex:))
        }
        try await perform(.vote(StepPath(step), decision, digest: digest), on: run, by: actor, message: message)
    }

    /// Reports on the newest attempt of a step, in time or not.
    package func report(_ step: String, _ run: RunID, _ event: AttemptReport.Event) async throws {
        guard let order = hands.order(of: StepPath(step), in: run) else {
            throw StoreConformance.Failure(description: "no attempt of step '\(step)' was handed out")
        }
        if case .ended = event { hands.end(order.id) }
        world.pass(seconds: 0.001)
        engine.report(AttemptReport(id: order.id, fence: order.fence, event: event))
        try await settle()
    }

    package func succeed(_ step: String, _ run: RunID, _ output: JSON = ["stdout": ""]) async throws {
        try await report(step, run, .ended(AttemptResult(outcome: .succeeded(output: output, changed: true), exitStatus: 0)))
    }

    package func fail(_ step: String, _ run: RunID) async throws {
        let failure = AttemptResult.Failure(.exitStatus, "exit status 1")
        try await report(step, run, .ended(AttemptResult(outcome: .failed(failure), exitStatus: 1, lastLine: "no")))
    }

    /// Hands in the run that a step asked for.
    package func call(_ id: CallID, _ request: StartRequest, by actor: Actor) async throws {
        world.pass(seconds: 0.001)
        engine.call(id, request, by: actor)
        try await settle()
    }

    /// Says which hosts a selector means that a step has made.
    package func find(_ search: HostSearch, _ hosts: [Host]) async throws {
        world.pass(seconds: 0.001)
        engine.answer(search, .success(hosts))
        try await settle()
    }

    /// Ends a step of the run that this run called and that goes on.
    package func succeedChild(_ step: String, of run: RunID) async throws {
        guard let order = hands.open.first(where: { $0.id.step.text == step && $0.id.run != run }) else {
            throw StoreConformance.Failure(description: "no step '\(step)' of a run that \(run) called was handed out")
        }
        try await succeed(step, order.id.run)
    }

    package func place(_ step: String, _ run: RunID) async throws {
        try await report(step, run, .placed(Place(bootID: "boot", spoolID: "spool")))
    }

    /// Answers every open order until none is left, and ends whatever then still waits. Throws when a run cannot be brought to its end:
    /// what a crash left behind must go on.
    package func finish(_ runs: [RunID], by actor: Actor) async throws {
        try await settle()
        for run in runs { try await answerOrders(of: run) }
        for run in runs {
            guard let row = try await row(run), !row.state.isTerminal else { continue }
            try await killUnlessKilled(run, by: actor)
            // What a run called ends with it.
            for order in hands.open where order.id.run == run || hands.isStopped(order.id) {
                try await report(order.id.step.text, order.id.run, .ended(AttemptResult(outcome: .cancelled)))
            }
            let state = try await self.row(run)?.state
            guard state?.isTerminal == true else {
                throw StoreConformance.Failure(description: "run \(run) does not come to its end: it is \(state?.rawValue ?? "gone")")
            }
        }
    }

    private func killUnlessKilled(_ run: RunID, by actor: Actor) async throws {
        do {
            try await perform(.kill, on: run, by: actor)
        } catch let error as FlowError {
            guard error.code == .conflict else { throw error }
        }
    }

    /// At most so many rounds, each of which ends at least one attempt.
    private static let rounds = 100

    private func answerOrders(of run: RunID) async throws {
        for _ in 0..<Self.rounds {
            let orders = hands.open.filter { $0.id.run == run }
            guard !orders.isEmpty else { return }
            for order in orders { try await succeed(order.id.step.text, run) }
        }
        throw StoreConformance.Failure(description: "run \(run) hands out attempts for ever")
    }

    package func row(_ run: RunID) async throws -> RunRow? {
        for _ in 0..<Self.patience {
            do {
                return try await engine.exclusively { try $0.run(run) }
            } catch StoreError.refused {}  // It is asked again.
        }
        return try await engine.exclusively { try $0.run(run) }
    }

    /// Throws unless folding the run's journal gives the rows that the store has.
    package func checkProjection(of run: RunID, _ reader: any JournalReader) async throws {
        guard let refolded = try await engine.folds(from: reader).rows(of: run) else {
            throw StoreConformance.Failure(description: "run \(run) has no journal")
        }
        try StoreConformance.equal(try await reader.run(run), refolded.run, "row of run \(run) and its journal")
        try StoreConformance.equal(
            try await reader.steps(of: run, after: nil, limit: refolded.steps.count + 1), refolded.steps, "steps of run \(run) and its journal")
        var targets: [TargetRow] = []
        for step in Set(refolded.targets.map(\.step)).sorted() {
            targets += try await reader.targets(of: run, step: step, outcomes: [], after: nil, limit: refolded.targets.count + 1)
        }
        try StoreConformance.equal(targets, refolded.targets, "targets of run \(run) and its journal")
    }
}
