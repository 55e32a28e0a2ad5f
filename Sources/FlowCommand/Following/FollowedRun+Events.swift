package import FlowModel
package import FlowWire

extension FollowedRun {
    /// Something that changed, in words: what a line of plain progress says.
    package struct Change: Hashable, Sendable {
        package var at: Instant
        /// nil: the run itself.
        package var step: StepPath?
        package var text: String
    }

    /// Takes a record in. Records may come twice: the second time changes nothing for good.
    package mutating func apply(_ record: Wire.Record) -> [Change] {
        sequence = max(sequence, record.sequence)
        return record.events.compactMap { event in
            guard let kind = event["kind"]?.stringValue else { return nil }
            let step = event["step"]?.stringValue.map(StepPath.init)
            let text = step.map { apply(kind, event, to: $0, at: record.at) } ?? apply(kind, event, at: record.at)
            return text.map { Change(at: record.at, step: step, text: $0) }
        }
    }

    /// Events of the run itself.
    private mutating func apply(_ kind: String, _ event: JSON, at: Instant) -> String? {
        switch kind {
        case "runState":
            guard let new = event["state"]?.stringValue.flatMap(RunState.init(rawValue:)) else { return nil }
            state = new
            reason = event["reason"]?.stringValue
            if new == .running, startedAt == nil { startedAt = at }
            endedAt = new.isTerminal ? at : nil
            return new.rawValue + (reason.map { ": \($0)" } ?? "")
        case "commanded":
            guard let verb = event["verb"]?.stringValue, let actor = event["actor"]?.stringValue else { return nil }
            return "\(verb) by \(actor)" + (event["message"]?.stringValue.map { ": \($0)" } ?? "")
        case "generationOpened":
            for path in event["steps"]?.arrayValue ?? [] {
                guard let text = path.stringValue else { continue }
                update(StepPath(text)) { step in
                    let kind = step.kind
                    step = Step(step.path)
                    step.kind = kind
                }
            }
            return nil
        default: return nil
        }
    }

    /// Events of a step. What they have in common first: a state, a reason, an attempt.
    private mutating func apply(_ kind: String, _ event: JSON, to path: StepPath, at: Instant) -> String? {
        let run = id
        update(path) { step in
            if let state = event["state"]?.stringValue.flatMap(StepState.init(rawValue:)) {
                step.state = state
                step.reason = event["reason"]?.stringValue
                step.until = (event["until"] ?? event["deadlineAt"])?.stringValue.flatMap { Instant($0) }
                step.release = nil
                step.endedAt = state.isSettled ? at : nil
                if state != .ready, state != .pending, step.startedAt == nil { step.startedAt = at }
            }
            step.note(kind, event, run: run)
        }
        return self[path].flatMap { $0.words(for: kind, event) }
    }
}

extension FollowedRun.Step {
    fileprivate mutating func note(_ event: String, _ details: JSON, run: RunID) {
        switch event {
        case "attemptLeased":
            attempt = details["attempt"]?.intValue ?? attempt
            target = details["target"]?.stringValue
            lastLine = nil
        case "attemptEnded": lastLine = details["lastLine"]?.stringValue ?? lastLine
        case "hostUnreachable": reason = details["message"]?.stringValue
        case "stepSettled": changed = details["changed"]?.boolValue
        case "approvalOpened":
            kind = "approval"
            reason = details["prompt"]?.stringValue
            release = "flowctl approve \(run) \(shellQuoted(path.text))"
        case "stepHeld":
            // While something is undone, what had failed before has no turn again.
            let isUndo = path.text.contains("/undo:")
            release = "flowctl retry \(run)" + (isUndo ? " --from \(shellQuoted(path.text))" : "")
        case "stepUnknown": release = "flowctl resolve \(run) \(shellQuoted(path.text)) --as succeeded|failed|retry -m REASON"
        case "mapOpened": kind = "map"
        default: break
        }
    }

    /// What a line says about an event; nil for those that are no change of state.
    fileprivate func words(for event: String, _ details: JSON) -> String? {
        let because = reason.map { ": \($0)" } ?? ""
        let next = release.map { " (\($0))" } ?? ""
        switch event {
        case "attemptLeased":
            let place = target.map { " on \($0)" } ?? ""
            return attempt > 1 ? "running, attempt \(attempt)\(place)" : "running\(place)"
        case "mapOpened": return "running, \(details["elements"]?.intValue ?? 0) elements"
        case "stepSettled":
            // The condition of a `when` is no step to its author; the branches say what was decided.
            if kind == "when" { return nil }
            return state.rawValue + (changed == true ? ", changed" : "") + because
        case "stepSleeping": return "waiting until \(until.map(\.description) ?? "later")"
        case "stepBackingOff": return "backingOff\(because). Next attempt at \(until.map(\.description) ?? "a later time")"
        case "stepHeld", "stepUnknown": return "\(state.rawValue)\(because)\(next)"
        case "approvalOpened": return "waiting for approval\(because)\(next)"
        case "approvalVoted":
            let comment = details["comment"]?.stringValue.map { ": \($0)" } ?? ""
            return
                "\(details["decision"]?.stringValue ?? "decided") by \(details["actor"]?.stringValue ?? "somebody")\(comment)"
        case "hostUnreachable": return reason.map { "host unreachable: \($0)" } ?? "host reachable again"
        default: return nil
        }
    }
}

/// The text as one word for a POSIX shell: as it is when nothing in it is special.
package func shellQuoted(_ text: String) -> String {
    let plain = Set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:=@%+,")
    if !text.isEmpty, text.allSatisfy({ plain.contains($0) }) { return text }
    // By scalars: a quote and the accent behind it are one character, and a shell sees the quote.
    return "'" + text.unicodeScalars.map { $0 == "'" ? #"'\''"# : String($0) }.joined() + "'"
}
