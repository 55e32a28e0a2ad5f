import FlowEngine
import FlowModel

/// A rehearsal under way: the engine on a store in memory, and round it a world that answers as the script says.
///
/// One thing happens after the other: the engine has committed what the one before led to, and its journal was read, before the next one comes.
final class RehearsalDriver {
    private let order: RehearsalOrder
    private let world: VirtualWorld
    private let hands = InventedHands()
    private let store = MemoryStore()
    private let engine: Engine
    private var agenda = Agenda()
    private var timeline: Timeline
    private var answers: Answers
    private var sequence = 0
    private var turns = 0
    private var root: RunID?
    private var wasUndone = false
    /// Why nothing more is to happen before the end of the run; nil: nothing keeps it.
    private var stopped: String?
    private var script: RehearsalScript { order.script }

    init(_ order: RehearsalOrder) throws(FlowError) {
        self.order = order
        world = VirtualWorld(now: order.script.start)
        timeline = Timeline(start: order.script.start)
        answers = Answers(order)
        engine = try Engine(store: store, dispatcher: hands, environment: world.environment(for: hands))
    }

    /// Rehearses to the end of the run, or until nothing moves any more.
    func rehearse() async throws(FlowError) -> RehearsalReport {
        let result: Result<RehearsalReport, FlowError>
        do throws(FlowError) {
            result = .success(try await run())
        } catch {
            result = .failure(error)
        }
        await engine.shutdown()
        return try result.get()
    }

    private func run() async throws(FlowError) -> RehearsalReport {
        let root = try await engine.start(order.request(), by: InventedPeople.author).run
        self.root = root
        try await settle()
        while stopped == nil, try await goOn() {
            turns += 1
            if turns >= order.turns { stopped = "it did not end within \(order.turns) events (RehearsalLimits.turns)" }
        }
        let content = store.content
        guard let row = content.runs[root] else { throw fault("the run is not in its store") }
        return RehearsalReport(
            order: order, run: row, waits: waits(of: row), stopped: stopped, timeline: timeline, invented: answers.invented,
            unused: answers.unused)
    }

    private func fault(_ message: String) -> FlowError {
        FlowError(.internal, subject: order.plan.flow, "The rehearsal ended: \(message). This is a bug of Flow.")
    }

    // MARK: - The loop

    /// Lets the next thing happen. False when the run has ended or nothing is to come.
    private func goOn() async throws(FlowError) -> Bool {
        if let root, store.content.runs[root]?.state.isTerminal == true { return try await undo(root) }
        if let happening = agenda.take(at: world.now) {
            try await happen(happening)
        } else if let moment = try await nextMoment() {
            // Sums end at the last moment: behind it everything would seem to happen at once.
            guard moment < .latest else {
                stopped = "what comes next comes after \(Instant.latest), the last moment that can be written"
                return false
            }
            world.now = moment
            try await fire()
        } else {
            return try await decide()
        }
        return true
    }

    /// Takes back what the run did that has ended, if the script says so. False when that was done, or refused.
    private func undo(_ run: RunID) async throws(FlowError) -> Bool {
        guard script.isUndone, !wasUndone else { return false }
        wasUndone = true
        try await perform(.undo(nil), on: run, by: InventedPeople.author, at: nil)
        return true
    }

    /// When something happens next; nil: never.
    private func nextMoment() async throws(FlowError) -> Instant? {
        let now = world.now
        let turn = await engine.leases { $0.nextMoment(at: now) } ?? nil
        let moments = [agenda.next, store.nextDue, turn.flatMap { $0 > now ? $0 : nil }].compactMap { $0 }
        return moments.min().map { max($0, now) }
    }

    /// Lets the engine look at its clock until nothing is due any more.
    private func fire() async throws(FlowError) {
        for _ in 0..<RehearsalLimits.looks {
            // The first lets it look, the second comes after what it then did.
            try await settle()
            try await settle()
            guard let due = store.nextDue, due <= world.now else { return }
        }
        throw fault("a timer fires for ever")
    }

    /// Waits until what has arrived is committed, and all that follows from it, then reads what that led to.
    private func settle() async throws(FlowError) {
        var known = -1
        while known < store.sequence {
            known = store.sequence
            do {
                try await engine.exclusively { _ in }
            } catch {
                throw fault("\(error)")
            }
        }
        if let trouble = world.trouble { throw fault(trouble) }
        try read()
    }

    private func read() throws(FlowError) {
        let records = store.records(after: sequence)
        for record in records {
            sequence = record.sequence
            do throws(StoreError) {
                let entries = try Entry.decode(record.bytes) { store.content.blobs[$0] }
                for happening in answers.take(entries, of: record.run, at: record.at) { agenda.plan(happening.what, at: happening.due) }
                timeline.take(record, entries, of: answers.runs[record.run])
            } catch {
                throw fault("\(error)")
            }
        }
        for request in hands.take() { take(request) }
    }

    private func take(_ request: InventedHands.Request) {
        let now = world.now
        switch request {
        case .dispatch(let order):
            let (result, seconds) = answers.result(of: order)
            guard let result else { return agenda.plan(.begun(order), at: now) }
            agenda.plan(.ended(order, result), at: now + seconds)
        // It was not waited for: see `happen`.
        case .proceed: return
        case .stop(let id):
            guard let order = answers.order(id) else { return }
            agenda.drop(id)
            agenda.plan(.ended(order, AttemptResult(outcome: .cancelled)), at: now)
        case .call(let order): agenda.plan(.called(order), at: now)
        case .search(let search): agenda.plan(.found(search), at: now)
        }
    }

    // MARK: - What happens

    private func happen(_ happening: Agenda.Happening) async throws(FlowError) {
        switch happening {
        case .begun(let order):
            report(order, .placed(Place(bootID: "rehearsal", spoolID: "rehearsal")))
            report(order, .started(containment: .process))
            let (result, seconds) = answers.end(of: order)
            agenda.plan(.ended(order, result), at: world.now + seconds)
        case .ended(let order, let result):
            report(order, .ended(result))
            answers.forget(order.id)
        case .vote(let run, let path, let verdict): try await vote(verdict, at: path, of: run)
        case .message(let run, let path, let signal): try await send(signal, to: path, of: run)
        case .called(let call): self.call(call)
        case .found(let search): find(search)
        }
        try await settle()
    }

    private func report(_ order: AttemptOrder, _ event: AttemptReport.Event) {
        engine.report(AttemptReport(id: order.id, fence: order.fence, event: event))
    }

    private func call(_ call: CallOrder) {
        do throws(FlowError) {
            engine.call(call.id, try order.request(call), by: Actor(person: call.person, user: call.user, names: [call.user], roles: []))
        } catch {
            engine.refuse(call.id, because: "flow '\(call.plan.flow)' cannot begin: \(error.inOneLine)")
        }
    }

    private func find(_ search: HostSearch) {
        do throws(FlowError) {
            engine.answer(search, .success(try order.hosts(of: search)))
        } catch {
            let message = "the hosts of selector '\(search.selector)' were not found: \(error.inOneLine)"
            engine.answer(search, .failure(FlowError(error.code, subject: search.selector, message)))
        }
    }

    /// Everybody votes whom the gate needs, until it is decided.
    private func vote(_ verdict: RehearsalScript.Verdict, at path: StepPath, of run: RunID) async throws(FlowError) {
        guard let spec = answers.gate(at: path, of: run), let voters = voters(verdict, spec, at: path, of: run) else { return }
        for voter in voters {
            guard let approval = openGate(at: path, of: run) else { return }
            var ballot = Ballot()
            if case .approve(let given) = verdict {
                guard let fields = answers.fields(given, of: spec, at: path, of: run) else {
                    return timeline.note("is not approved: no answers to its fields could be made up", at: path, of: answers.runs[run], world.now)
                }
                ballot.fields = fields
            }
            let choice: ApprovalRow.Vote.Decision = verdict == .reject ? .rejected : .approved
            try await perform(.vote(path, choice, digest: approval.digest, ballot: ballot), on: run, by: voter, at: path)
        }
    }

    private func voters(
        _ verdict: RehearsalScript.Verdict, _ spec: ApprovalSpec, at path: StepPath, of run: RunID
    ) -> [Actor]? {
        guard let level = openGate(at: path, of: run).map({ _ in answers.level(at: path, of: run) }) else { return nil }
        if verdict == .reject { return InventedPeople.rejecter(of: spec, level: level).map { [$0] } }
        return InventedPeople.approvers(by: spec.rules(at: level))
    }

    private func openGate(at path: StepPath, of run: RunID) -> ApprovalRow? {
        store.content.approvals.values.first { $0.run == run && $0.step == path && $0.state == .open }
    }

    private func send(_ signal: String, to path: StepPath, of run: RunID) async throws(FlowError) {
        try await perform(.signal(signal, answers.message(signal, at: path, of: run)), on: run, by: InventedPeople.author, at: path)
    }

    /// Gives a command; that it is refused is told in the timeline, as a person would be told.
    private func perform(_ command: RunCommand, on run: RunID, by actor: Actor, at path: StepPath?) async throws(FlowError) {
        do throws(FlowError) {
            _ = try await engine.perform(command, on: run, by: actor)
        } catch {
            timeline.note(error.inOneLine, at: path, of: answers.runs[run], world.now)
        }
        try await settle()
    }

    // MARK: - Nothing moves

    /// A person decides what only a person can, as the script says. False when it says nothing of what the run waits for.
    private func decide() async throws(FlowError) -> Bool {
        for row in stepRows where row.state == .held || row.state == .unknown {
            guard let remedy = answers.remedy(for: row) else { continue }
            timeline.note("a person decides: \(remedy.words)", .waits, at: row.path, of: answers.runs[row.run], world.now)
            try await perform(remedy.command, on: row.run, by: InventedPeople.author, at: row.path)
            return true
        }
        return false
    }

    /// What the run waits for, and what those wait for that it called.
    private func waits(of row: RunRow) -> [RehearsalReport.Wait] {
        guard !row.state.isTerminal else { return [] }
        let waiting = stepRows.filter { row in
            if row.state == .held || row.state == .unknown { return true }
            return row.waiting.map { $0.kind != .child } ?? false
        }
        return waiting.prefix(RehearsalLimits.waitsShown).map(wait)
    }

    private func wait(_ row: StepRow) -> RehearsalReport.Wait {
        let place = (answers.runs[row.run]?.prefix ?? "") + row.path.text
        return RehearsalReport.Wait(
            place: place, kind: row.waiting?.kind, state: row.state, reason: row.waiting?.reason ?? row.reason, subject: row.waiting?.subject,
            advice: answers.advice(on: row))
    }

    /// The steps of all runs, in order.
    private var stepRows: [StepRow] {
        let steps = store.content.steps
        var rows: [StepRow] = []
        for run in steps.keys.sorted() { rows += (steps[run] ?? [:]).values.sorted { $0.index < $1.index } }
        return rows
    }
}

extension ApprovalSpec {
    /// Answers to all fields: those that are given, else the defaults, else values that are made up.
    func rehearsedAnswers(_ given: [String: JSON]) -> [String: JSON] {
        var answers = given
        for field in fields where answers[field.name] == nil && field.fallback == nil {
            answers[field.name] = field.invented(as: field.name)
        }
        return answers
    }
}
