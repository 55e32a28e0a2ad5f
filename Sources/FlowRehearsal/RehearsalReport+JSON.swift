package import FlowModel

extension RehearsalReport {
    /// For programs. `docs/reference/cli.md` says what is in it.
    package var json: JSON {
        var members: [String: JSON] = [
            "flow": .string(flow), "revision": .string(revision.hex), "startedAt": .string(start.description), "state": .string(state.rawValue),
            "seconds": .double(end.seconds(since: start)), "endedAt": state.isTerminal ? .string(end.description) : .null,
            "reason": reason.map(JSON.string) ?? .null, "stopped": stopped.map(JSON.string) ?? .null,
            "counts": .object(Dictionary(counts.map { ($0.key.rawValue, .int($0.value)) }, uniquingKeysWith: { first, _ in first })),
            "waitingFor": .array(waits.map(\.json)), "events": .array(events.map { $0.json(since: start) }),
            "attempts": .array(attempts.map { $0.json(since: start) }), "targets": .array(targets.map(\.json)),
            "invented": .array(invented.map { ["step": .string($0.step), "output": SealedText.redacted($0.output)] }),
            "unused": .array(unused.map(JSON.string)),
        ]
        members = members.filter { $0.value != .null }
        return .object(members)
    }
}

extension RehearsalReport.Wait {
    fileprivate var json: JSON {
        let members: [String: JSON] = [
            "step": .string(place), "kind": kind.map { .string($0.rawValue) } ?? .null, "state": .string(state.rawValue),
            "reason": reason.map { .string(Timeline.shown($0)) } ?? .null, "subject": subject.map(JSON.string) ?? .null,
        ]
        return .object(members.filter { $0.value != .null })
    }
}

extension RehearsalReport.Event {
    /// As in the event stream of a run, with the time, and for a called run who called it.
    fileprivate func json(since start: Instant) -> JSON {
        var members = json.objectValue ?? [:]
        members["seconds"] = .double(at.seconds(since: start))
        if !calledBy.isEmpty { members["calledBy"] = .string(calledBy) }
        return .object(members)
    }
}

extension RehearsalReport.Attempt {
    fileprivate func json(since start: Instant) -> JSON {
        let members: [String: JSON] = [
            "step": .string(place), "target": host.map(JSON.string) ?? .null, "attempt": .int(number), "state": .string(state.rawValue),
            "start": .double(startedAt.seconds(since: start)), "end": endedAt.map { .double($0.seconds(since: start)) } ?? .null,
        ]
        return .object(members.filter { $0.value != .null })
    }
}

extension RehearsalReport.Target {
    fileprivate var json: JSON {
        let members: [String: JSON] = [
            "step": .string(place), "target": .string(host), "outcome": .string(outcome), "reason": reason.map(JSON.string) ?? .null,
            "undo": undo.map { .string($0.rawValue) } ?? .null, "batch": batch.map(JSON.int) ?? .null,
        ]
        return .object(members.filter { $0.value != .null })
    }
}
