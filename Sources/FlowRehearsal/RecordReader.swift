import FlowEngine
import FlowModel

/// Says the entries of one record to people. What belongs together is said once: the end of an attempt with what becomes of its step.
struct RecordReader {
    struct Line {
        /// nil: the run itself.
        var path: String?
        var text: String
        var tone: RehearsalReport.Row.Tone
    }

    let run: RehearsedRun
    let at: Instant
    let entries: [Entry]
    private var position = 0
    /// Attempts that ended in this record, until their step says what becomes of it.
    private var ended: [StepPath: Entry.AttemptEnd] = [:]

    init(run: RehearsedRun, at: Instant, entries: [Entry]) {
        (self.run, self.at, self.entries) = (run, at, entries)
    }

    mutating func next() -> Entry? {
        guard position < entries.count else { return nil }
        position += 1
        return entries[position - 1]
    }

    /// What comes behind the entry that is said.
    var rest: ArraySlice<Entry> { entries[position...] }

    mutating func line(for entry: Entry, in timeline: Timeline) -> Line? {
        switch entry {
        case .runState(let state, let reason): return end(state, reason)
        case .bodyEnded(let outcome):
            guard run.nodes.values.contains(where: \.isFinally) else { return nil }
            return Line(path: nil, text: "the body has \(outcome == .cancelled ? "been " : "")\(outcome.rawValue); finally runs", tone: .heading)
        case .attemptEnded(let ref, let end):
            guard !isSettled(ref) else {
                ended[ref.path] = end
                return nil
            }
            return Line(path: ref.path.text, text: words(end, of: ref, timeline), tone: .bad)
        case .settled(let ref, let settlement): return settled(ref, settlement, timeline)
        case .backingOff(let ref, let until, let reason):
            let next = (timeline.attempt(of: ref.path, in: run.id)?.number ?? 0) + 1
            let how = ended[ref.path].map { words($0, of: ref, timeline) } ?? reason
            return Line(path: ref.path.text, text: "\(how); attempt \(next) in \(spanText(until.seconds(since: at)))", tone: .bad)
        case .held(let ref, let reason): return Line(path: ref.path.text, text: "held for a person: \(reason)", tone: .waits)
        case .unknown(let ref, let reason): return Line(path: ref.path.text, text: "unknown, until a person decides: \(reason)", tone: .waits)
        case .leased(let ref, let lease) where lease.isProbe:
            return Line(path: ref.path.text, text: "asks by its probe whether it took effect", tone: .plain)
        case .sleeping(let ref, let until): return Line(path: ref.path.text, text: sleep(of: ref, until), tone: .waits)
        case .mapOpened(let ref, let keys, _): return opened(ref, keys)
        case .elementOpened(let ref, let element):
            guard case .repeatUntil? = run.node(at: ref.path)?.kind else { return nil }
            return Line(path: ref.path.text, text: "round \(element + 1)", tone: .heading)
        case .elementClosed(let ref, let element, _, let target?):
            let tone: RehearsalReport.Row.Tone = target.outcome.isDone ? .good : .bad
            return Line(path: pathText(ref, element, timeline), text: target.outcome.words + (target.reason.map { ": \($0)" } ?? ""), tone: tone)
        case .rollout(let ref, let entry): return rollout(ref, entry, timeline)
        case .undo(let entry): return undo(entry, timeline)
        default: return gateLine(for: entry) ?? otherLine(for: entry)
        }
    }

    // MARK: - Attempts and steps

    /// Whether the record goes on to say what becomes of the step.
    private func isSettled(_ ref: Entry.StepRef) -> Bool {
        rest.contains { entry in
            switch entry {
            case .settled(let other, _), .backingOff(let other, _, _): other == ref
            default: false
            }
        }
    }

    private func words(_ end: Entry.AttemptEnd, of ref: Entry.StepRef, _ timeline: Timeline) -> String {
        let attempt = timeline.attempt(of: ref.path, in: run.id)
        let place = attempt.map { attempt in " \(attempt.host.map { "on \($0)" } ?? "here")" } ?? ""
        let seconds = attempt.map { at.seconds(since: $0.startedAt) } ?? 0
        let span = seconds == RehearsalLimits.usualSeconds ? "" : " after \(spanText(seconds))"
        let message = end.state == .succeeded || end.state == .timedOut ? nil : end.message
        return "\(end.state.words)\(place)\(span)" + (message.map { ": \($0)" } ?? "")
    }

    private func settled(_ ref: Entry.StepRef, _ settlement: Entry.Settlement, _ timeline: Timeline) -> Line? {
        let node = run.node(at: ref.path)
        let reason = settlement.reason.map { ": \($0)" } ?? ""
        if let end = ended[ref.path] {
            let isGood = settlement.state == .succeeded
            let ignored = settlement.isIgnored ? "; that is ignored" : ""
            let last = end.counts && !isGood && reason.contains("attempt") ? reason : ""
            let text = last.isEmpty ? words(end, of: ref, timeline) : "failed\(place(ref, timeline))\(last)"
            return Line(path: ref.path.text, text: text + ignored, tone: isGood ? .good : .bad)
        }
        switch (node?.kind, settlement.state) {
        case (.choice?, .succeeded):
            return Line(path: ref.path.text, text: settlement.value == true ? "its condition holds" : "its condition does not hold", tone: .plain)
        case (.approval?, .succeeded), (.waitFor?, .succeeded), (.sleep?, .succeeded), (.sleepUntil?, .succeeded): return nil
        default: break
        }
        let tone: RehearsalReport.Row.Tone =
            switch settlement.state {
            case .succeeded: .good
            case .failed: .bad
            default: .plain
            }
        let ignored = settlement.isIgnored ? "; that is ignored" : ""
        return Line(path: ref.path.text, text: settlement.state.rawValue + reason + ignored, tone: tone)
    }

    private func sleep(of ref: Entry.StepRef, _ until: Instant) -> String {
        let span = spanText(until.seconds(since: at))
        guard case .sleepUntil? = run.node(at: ref.path)?.kind else { return "waits for \(span)" }
        return until <= at ? "its moment \(until) is past: goes on at once" : "waits until \(until), for \(span)"
    }

    private func place(_ ref: Entry.StepRef, _ timeline: Timeline) -> String {
        timeline.attempt(of: ref.path, in: run.id).map { " \($0.host.map { "on \($0)" } ?? "here")" } ?? ""
    }

    private func end(_ state: RunState, _ reason: String?) -> Line? {
        guard state.isTerminal else { return nil }
        let what = run.prefix.isEmpty ? "the run" : "flow '\(run.flow)'"
        return Line(path: nil, text: "\(what) has \(state == .cancelled ? "been " : "")\(state.rawValue)", tone: state == .succeeded ? .good : .bad)
    }

    // MARK: - Maps and rollouts

    private func pathText(_ ref: Entry.StepRef, _ element: Int, _ timeline: Timeline) -> String {
        let keys = timeline.keys(of: ref.path, in: run.id)
        return keys.indices.contains(element) ? "\(ref.path.text)[\(keys[element])]" : ref.path.text
    }

    private func opened(_ ref: Entry.StepRef, _ keys: [String]) -> Line? {
        guard case .map(let map)? = run.node(at: ref.path)?.kind else { return nil }
        guard !keys.isEmpty else { return Line(path: ref.path.text, text: "has no elements", tone: .heading) }
        let noun = if case .hosts = map.elements { "host" } else { "element" }
        let width = map.width == 1 ? ", one after the other" : map.width < keys.count ? ", \(map.width) at once" : ", all at once"
        return Line(path: ref.path.text, text: counted(keys.count, noun) + (keys.count == 1 ? "" : width), tone: .heading)
    }

    private func rollout(_ ref: Entry.StepRef, _ entry: RolloutEntry, _ timeline: Timeline) -> Line? {
        let keys = timeline.keys(of: ref.path, in: run.id)
        let ends = timeline.ends(of: ref.path, in: run.id)
        func line(_ text: String, _ tone: RehearsalReport.Row.Tone = .heading) -> Line { Line(path: ref.path.text, text: text, tone: tone) }
        func names(_ numbers: some Sequence<Int>) -> String { shown(numbers.filter(keys.indices.contains).map { keys[$0] }) }
        switch entry {
        case .opened(let ends, let leftOut):
            let sizes = zip([0] + ends, ends).map { "\($1 - $0)" }
            let out = leftOut.isEmpty ? "" : "; left out: " + zip(keys.suffix(leftOut.count), leftOut).map { "\($0), \($1)" }.joined(separator: "; ")
            return line("\(counted(ends.last ?? 0, "host")) in \(counted(ends.count, "batch")): \(shown(sizes))\(out)")
        case .batchBegan(let batch):
            guard ends.indices.contains(batch) else { return nil }
            return line("batch \(batch + 1) of \(ends.count): \(names((batch == 0 ? 0 : ends[batch - 1])..<ends[batch]))")
        case .soaking(let until): return line("soaks for \(spanText(until.seconds(since: at)))", .waits)
        case .betweenOpened(let batch): return line("between batches \(batch + 1) and \(batch + 2)")
        case .paced(let until?): return line("the next host in \(spanText(until.seconds(since: at)))", .waits)
        case .breached(let reason): return line("begins no further host: \(reason)", .bad)
        case .released: return line("released: goes on", .waits)
        case .requeued(let targets): return line("again: \(names(targets))")
        case .undoBegan(let targets): return line("undoes \(names(targets))")
        case .undoClosed(let target, let state):
            return Line(path: pathText(ref, target, timeline), text: state.words, tone: state == .undone ? .good : .bad)
        case .soaked, .adjusted, .paced, .undoOpened, .undoEnded, .undoTold: return nil
        }
    }

    private func undo(_ entry: UndoEntry, _ timeline: Timeline) -> Line? {
        switch entry {
        case .began(let stages): return Line(path: nil, text: "undoes \(counted(stages.reduce(0) { $0 + $1.count }, "thing"))", tone: .heading)
        case .closed(let item, let state):
            let path = item.element.map { pathText(item.step, $0, timeline) } ?? item.step.path.text
            return Line(path: path, text: state.words, tone: state == .undone ? .good : .bad)
        case .opened, .ended: return nil
        }
    }

    // MARK: - Words

    /// How long there is until then: ` within 1 d`; empty without an end.
    func within(_ end: Instant?) -> String { end.map { " within \(spanText($0.seconds(since: at)))" } ?? "" }

    private func shown(_ names: [String]) -> String {
        names.prefix(12).joined(separator: ", ") + (names.count > 12 ? " and \(names.count - 12) more" : "")
    }

    private func counted(_ count: Int, _ noun: String) -> String {
        count == 1 ? "1 \(noun)" : "\(count) \(noun == "batch" ? "batches" : noun + "s")"
    }
}
