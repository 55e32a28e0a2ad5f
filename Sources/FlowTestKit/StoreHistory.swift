internal import FlowCrypto
internal import FlowEngine
internal import FlowModel

/// A made-up history of runs on a seed, batch by batch, with every optional field sometimes there and sometimes not.
///
/// What it hands out it also commits to a memory store of its own, `model`: what the store under test must agree with.
struct History {
    let epoch: Int
    let model: MemoryStore
    private(set) var runs: [RunID: RunRow] = [:]
    private(set) var records: [RunID: [JournalRecord]] = [:]
    private(set) var fingerprints: [RunID: Digest] = [:]
    private(set) var approvals: [String: ApprovalRow] = [:]
    private var order: [RunID] = []
    private var random: SeededRandom
    private var clock: Int64 = 1_770_000_000_000
    private var batch: CommitBatch
    private var changed: [RunID] = []
    private var steps: [RunID: [Int: StepRow]] = [:]
    private var gates: [String] = []
    private var timers: [TimerRow.ID: Instant] = [:]

    init(epoch: Int, seed: UInt64 = 1) {
        self.init(epoch: epoch, seed: seed, continuing: MemoryStore(epoch: epoch))
    }

    /// Goes on where `model` stands.
    init(epoch: Int, seed: UInt64, continuing model: MemoryStore) {
        self.epoch = epoch
        self.model = model
        random = SeededRandom(seed: seed &* 1_000 &+ UInt64(epoch))
        batch = CommitBatch(epoch: epoch)
        let content = model.content
        runs = content.runs
        records = content.journal
        fingerprints = content.fingerprints
        approvals = content.approvals
        order = content.runs.keys.sorted()
        clock += Int64(content.sequence) * 1_000 + Int64(epoch) * 10_000_000
    }

    /// What has been made up since the last call.
    mutating func take() -> CommitBatch {
        batch.runs = changed.compactMap { runs[$0] }
        batch.steps = steps.sorted { $0.key < $1.key }.flatMap { $0.value.values.sorted { $0.index < $1.index } }
        batch.approvals = gates.compactMap { approvals[$0] }
        batch.setTimers = timers.map { TimerRow(id: $0.key, due: $0.value) }
        defer {
            batch = CommitBatch(epoch: epoch)
            changed = []
            steps = [:]
            gates = []
            timers = [:]
        }
        // A batch that the model refuses is one that the store under test must refuse.
        try? model.commit(batch)
        return batch
    }

    // MARK: - Making things up

    mutating func chance(_ one: Int) -> Bool { random.int(1...one) == 1 }
    mutating func number(_ below: Int) -> Int { random.int(0...below - 1) }
    mutating func anyRun() -> RunID? { order.isEmpty ? nil : random.pick(order) }

    private mutating func now() -> Instant {
        clock += Int64(number(1_000)) + 1
        return Instant(milliseconds: clock)
    }

    private mutating func maybe<Value>(_ make: (inout History) -> Value) -> Value? { chance(2) ? make(&self) : nil }

    private mutating func text() -> String {
        random.pick([
            "", "a", "os:alice", "it's \"quoted\"", "línea\n\t", "🛰️", "x; DROP TABLE run",
            String(repeating: "long ", count: 200),
        ])
    }

    private mutating func digest() -> Digest { Digest(of: [UInt8](repeating: UInt8(number(256)), count: number(9))) }

    private mutating func json() -> JSON {
        let values: [JSON] = [
            .null, true, 0, -1, .int(Int.max), 1.5, "", .string(text()), [1, [2, "three"]], ["a": ["b": .null], "é": false],
        ]
        return random.pick(values)
    }

    private mutating func waiting() -> Waiting {
        Waiting(
            kind: random.pick(WaitKind.allCases), subject: text(), since: now(), until: maybe { $0.now() },
            release: maybe { $0.text() })
    }

    @discardableResult
    mutating func newRun(key: String? = nil) -> RunID {
        let at = now()
        let id = RunID(at: at, random: (0..<10).map { _ in UInt8(random.int(0...255)) })
        let labels = Dictionary(
            ["team", "site", "it's"].map { ($0, random.pick(["a", "b"])) }, uniquingKeysWith: { first, _ in first })
        runs[id] = RunRow(
            id: id, flow: random.pick(["release", "backup"]), revision: digest(), state: random.pick(RunState.allCases),
            inputs: json(), labels: chance(3) ? [:] : labels.filter { _ in chance(2) }, actor: text(), person: text(),
            key: key ?? maybe { "key \($0.clock)" }, createdAt: at, isLive: false,
            head: JournalHead(sequence: 0, hash: JournalRecord.chainStart))
        order.append(id)
        fingerprints[id] = digest()
        batch.fingerprints[id] = fingerprints[id]
        record(id)
        return id
    }

    mutating func change(_ run: RunID, _ body: (inout RunRow) -> Void) {
        if var row = runs[run] {
            body(&row)
            runs[run] = row
        }
        if !changed.contains(run) { changed.append(run) }
    }

    /// Adds a journal record to the run.
    mutating func record(_ run: RunID) {
        let sequence = max(batch.records.last?.sequence ?? 0, model.content.sequence) + 1
        let bytes = (0..<number(80)).map { UInt8(truncatingIfNeeded: $0 &* 7) }
        let at = now()
        let input = JournalRecord.chainInput(
            previous: runs[run]?.head.hash ?? JournalRecord.chainStart, run: run, sequence: sequence, at: at, bytes: bytes)
        let record = JournalRecord(sequence: sequence, run: run, at: at, hash: Digest(of: input), bytes: bytes)
        batch.records.append(record)
        records[run, default: []].append(record)
        change(run) { $0.head = JournalHead(sequence: sequence, hash: record.hash) }
    }

    mutating func step(of run: RunID, _ index: Int, kind: String = "shell") {
        let digest = digest()
        let bytes = number(1 << 20)
        let output: StoredValue = chance(4) ? .blob(digest, bytes: bytes) : .inline(json())
        steps[run, default: [:]][index] = StepRow(
            run: run, index: index, path: StepPath("deploy[web-\(index)]/switch"), name: text(), kind: kind,
            state: random.pick(StepState.allCases), reason: maybe { $0.text() }, generation: 1 + number(3),
            output: chance(2) ? output : nil, changed: maybe { $0.chance(2) }, waiting: maybe { $0.waiting() },
            startedAt: maybe { $0.now() }, endedAt: maybe { $0.now() }, attempt: maybe { $0.attemptRow($0.number(5) + 1) })
    }

    private mutating func attemptRow(_ number: Int) -> AttemptRow {
        AttemptRow(
            number: number, generation: 1 + self.number(2), state: random.pick(AttemptState.allCases),
            target: maybe { $0.text() }, worker: text(), exitStatus: maybe { $0.number(256) }, signal: maybe { $0.number(32) },
            startedAt: now(), endedAt: maybe { $0.now() }, message: maybe { $0.text() },
            containment: maybe { $0.random.pick(Containment.allCases) }, outputBytes: self.number(1 << 30), truncated: chance(2)
        )
    }

    mutating func target(of run: RunID, _ step: Int, _ position: Int) {
        batch.targets.removeAll { $0.run == run && $0.step == step && $0.position == position }
        batch.targets.append(
            TargetRow(
                run: run, step: step, position: position, name: text(), batch: 1 + number(3),
                outcome: random.pick(TargetOutcome.allCases), isRunning: chance(2),
                undo: maybe { $0.random.pick(UndoState.allCases) }, reason: maybe { $0.text() }, startedAt: maybe { $0.now() },
                endedAt: maybe { $0.now() }))
    }

    mutating func attempt(of run: RunID, _ path: StepPath, _ number: Int) {
        batch.attempts.append((run, path, attemptRow(number)))
    }

    mutating func approval(of run: RunID, _ path: StepPath, _ generation: Int) {
        var row = ApprovalRow(
            run: run, flow: runs[run]?.flow ?? "", step: path, generation: generation,
            state: random.pick(ApprovalRow.State.allCases), prompt: text(),
            rules: [.role("release-manager", count: 2), .any([.user("os:bob"), .all([.anyone(count: 1)])], count: 1)], digest: digest(),
            requester: text(),
            since: Instant(milliseconds: Int64(number(20))), deadline: maybe { $0.now() })
        for _ in 0..<number(3) {
            row.votes.append(
                ApprovalRow.Vote(
                    user: text(), person: text(), names: [text()], roles: [text()], decision: chance(2) ? .approved : .rejected,
                    comment: maybe { $0.text() }, at: now()))
        }
        if chance(2) { row.terms = terms() }
        approvals[row.id] = row
        if !gates.contains(row.id) { gates.append(row.id) }
    }

    private mutating func terms() -> ApprovalRow.Terms {
        var terms = ApprovalRow.Terms()
        (terms.veto, terms.isDistinct, terms.level) = (.role(text(), count: 1), chance(2), number(3))
        terms.fields = [Parameter(name: "n", help: text(), kind: .int, fallback: 1)]
        terms.answers = maybe { ["n": .int($0.number(9))] }
        terms.outlook = .escalate(ApprovalSpec.Escalation(rules: [.anyone(count: 1)], deadlineSeconds: 60))
        terms.remindAt = maybe { $0.now() }
        terms.superseded = [ApprovalRow.Superseded(digest: digest(), reason: text(), at: now())]
        return terms
    }

    /// A little of everything, for one run.
    mutating func fill(_ run: RunID) {
        record(run)
        let (state, isLive, reason) = (random.pick(RunState.allCases), chance(2), maybe { $0.text() })
        let (startedAt, endedAt) = (maybe { $0.now() }, maybe { $0.now() })
        let waits = (0..<number(3)).map { _ in waiting() }
        let counts = Dictionary(
            uniqueKeysWithValues: StepState.allCases.filter { _ in chance(2) }.map { ($0, number(100) + 1) })
        change(run) { row in
            (row.state, row.isLive, row.reason, row.startedAt, row.endedAt) = (state, isLive, reason, startedAt, endedAt)
            (row.waitingFor, row.counts) = (waits, counts)
        }
        for _ in 0..<number(5) { step(of: run, number(12)) }
        for _ in 0..<number(3) { attempt(of: run, StepPath("step-\(number(3))"), number(5)) }
        for _ in 0..<number(4) { target(of: run, number(2), number(6)) }
        if chance(3) { approval(of: run, StepPath("go-\(number(2))"), 1 + number(2)) }
        let timer = TimerRow.ID(run: run, step: StepPath("wait-\(number(3))"))
        if chance(2) { timers[timer] = now() } else { batch.removeTimers.append(timer) }
        if chance(2) {
            batch.addOutbox.append(OutboxRow(id: batch.records.last?.sequence ?? 1, run: run, kind: text(), body: json()))
        } else {
            batch.removeOutbox.append(number(30))
        }
        let bytes = [UInt8](repeating: UInt8(number(256)), count: chance(5) ? 70_000 : number(200))
        batch.blobs.append((Digest(of: bytes), bytes))
    }

    mutating func query() -> RunQuery {
        RunQuery(
            states: Set(RunState.allCases.filter { _ in chance(4) }),
            flow: maybe { $0.random.pick(["release", "backup", "none"]) },
            labels: chance(2) ? [:] : [random.pick(["team", "site", "it's"]): random.pick(["a", "b"])],
            before: maybe { $0.anyRun() } ?? nil, limit: 1 + number(40))
    }
}

/// All that a store shows, for comparison.
struct Snapshot: Equatable {
    var sequence: Int
    var runs: [RunRow]
    var journal: [[JournalRecord]?]
    var steps: [[StepRow]]
    var attempts: [[AttemptRow]]
    var targets: [[TargetRow]]
    var approvals: [ApprovalRow]
    var live: [RunID]
    var timers: [TimerRow]
    var outbox: [OutboxRow]

    init(_ store: StoreConformance.Store) async throws {
        let (writer, reader) = StoreConformance.sides(store)
        sequence = try writer.lastSequence()
        runs = try await reader.runs(RunQuery(limit: 1_000))
        approvals = try await reader.approvals(state: nil, run: nil, limit: 1_000)
        live = try writer.liveRuns()
        timers = try writer.timers()
        outbox = try writer.outbox(after: 0, limit: .max)
        (journal, steps, attempts, targets) = ([], [], [], [])
        for row in runs {
            journal.append(try writer.journal(of: row.id))
            steps.append(try await reader.steps(of: row.id, after: nil, limit: 1_000))
            for step in 0..<2 {
                targets.append(try await reader.targets(of: row.id, step: step, outcomes: [], after: nil, limit: 100))
                targets.append(try await reader.targets(of: row.id, step: step, outcomes: [.ok, .failed], after: 1, limit: 2))
            }
            for number in 0..<3 {
                attempts.append(try await reader.olderAttempts(of: row.id, at: StepPath("step-\(number)"), limit: 100))
            }
        }
    }

    init(_ history: History) async throws { try await self.init(history.model) }
}
