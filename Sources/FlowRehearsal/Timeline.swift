import FlowEngine
import FlowModel

/// What happens in a rehearsal, as its journals say it: lines for people, and what tests ask for.
struct Timeline {
    let start: Instant
    private(set) var rows: [RehearsalReport.Row] = []
    private(set) var records: [RehearsalReport.Record] = []
    private(set) var attempts: [RehearsalReport.Attempt] = []
    private(set) var targets: [RehearsalReport.Target] = []
    private(set) var end: Instant
    /// The elements of maps and rollouts, and where the batches of a rollout end, by run and path.
    private var keys: [Spot: [String]] = [:]
    private var ends: [Spot: [Int]] = [:]
    /// The newest attempt of each step.
    private var newest: [Spot: Int] = [:]
    /// Where the targets of a rollout or map begin in `targets`.
    private var places: [Spot: Int] = [:]

    struct Spot: Hashable {
        var run: RunID
        var path: StepPath
    }

    init(start: Instant) { (self.start, end) = (start, start) }

    /// What people may see of a text.
    static func shown(_ text: String) -> String { SealedText.replacing(in: text) { _ in SealedText.shown } }

    /// Tells what no journal says.
    mutating func note(_ text: String, _ tone: RehearsalReport.Row.Tone = .bad, at path: StepPath?, of run: RehearsedRun?, _ now: Instant) {
        add(text, tone, at: (run?.prefix ?? "") + (path?.text ?? ""), now)
    }

    private mutating func add(_ text: String, _ tone: RehearsalReport.Row.Tone, at place: String, _ now: Instant) {
        rows.append(.init(seconds: now.seconds(since: start), place: place, text: Timeline.shown(text), tone: tone))
    }

    /// Takes a record of the journal of `run`.
    mutating func take(_ record: JournalRecord, _ entries: [Entry], of run: RehearsedRun?) {
        guard let run else { return }
        let caller = run.callers.last.map { "\(StepPlace($0, calledBy: Array(run.callers.dropLast())))" } ?? ""
        end = max(end, record.at)
        records.append(.init(record: record, calledBy: caller))
        var reader = RecordReader(run: run, at: record.at, entries: entries)
        while let entry = reader.next() {
            keep(entry, run, record.at)
            if let line = reader.line(for: entry, in: self) {
                add(line.text, line.tone, at: line.path.map { run.prefix + $0 } ?? (caller.isEmpty ? "" : caller), record.at)
            }
        }
    }

    // MARK: - What is asked later

    func keys(of path: StepPath, in run: RunID) -> [String] { keys[Spot(run: run, path: path)] ?? [] }
    func ends(of path: StepPath, in run: RunID) -> [Int] { ends[Spot(run: run, path: path)] ?? [] }

    func attempt(of path: StepPath, in run: RunID) -> RehearsalReport.Attempt? {
        newest[Spot(run: run, path: path)].map { attempts[$0] }
    }

    private mutating func keep(_ entry: Entry, _ run: RehearsedRun, _ now: Instant) {
        func spot(_ ref: Entry.StepRef) -> Spot { Spot(run: run.id, path: ref.path) }
        switch entry {
        case .leased(let ref, let lease):
            newest[spot(ref)] = attempts.count
            attempts.append(
                .init(place: run.prefix + ref.path.text, host: lease.target, number: lease.number, startedAt: now, endedAt: nil, state: .leased))
        case .started(let ref, _): if let number = newest[spot(ref)] { attempts[number].state = .running }
        case .attemptEnded(let ref, let end):
            guard let number = newest[spot(ref)] else { return }
            (attempts[number].state, attempts[number].endedAt) = (end.state, now)
        case .mapOpened(let ref, let keys, _):
            self.keys[spot(ref)] = keys
            guard run.node(at: ref.path)?.isOverHosts == true else { return }
            places[spot(ref)] = targets.count
            targets += keys.map { .init(place: run.prefix + ref.path.text, host: $0, outcome: TargetOutcome.notStarted.rawValue) }
        case .rollout(let ref, let entry): keep(entry, spot(ref))
        case .elementClosed(let ref, let element, let hasFailed, let target):
            change(element, at: spot(ref)) { row in
                row.outcome = target?.outcome.rawValue ?? (hasFailed ? StepState.failed : .succeeded).rawValue
                row.reason = target?.reason.map(Timeline.shown)
            }
        case .undo(.opened(let item)): change(item.element, at: spot(item.step)) { $0.undo = .running }
        case .undo(.closed(let item, let state)): change(item.element, at: spot(item.step)) { $0.undo = state }
        default: break
        }
    }

    private mutating func keep(_ entry: RolloutEntry, _ spot: Spot) {
        switch entry {
        case .opened(let ends, _), .adjusted(_, let ends):
            self.ends[spot] = ends
            for number in (keys[spot] ?? []).indices {
                let batch = ends.firstIndex { number < $0 }
                change(number, at: spot) { row in
                    row.batch = batch.map { $0 + 1 }
                    if batch == nil { row.outcome = TargetOutcome.skipped.rawValue }
                }
            }
        case .undoOpened(let element): change(element, at: spot) { $0.undo = .running }
        case .undoClosed(let element, let state): change(element, at: spot) { $0.undo = state }
        default: break
        }
    }

    private mutating func change(_ element: Int?, at spot: Spot, _ body: (inout RehearsalReport.Target) -> Void) {
        guard let element, let first = places[spot], targets.indices.contains(first + element) else { return }
        body(&targets[first + element])
    }
}
