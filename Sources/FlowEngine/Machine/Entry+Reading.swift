import FlowModel

extension Entry {
    typealias Fetch = (Digest) throws(StoreError) -> [UInt8]?

    init(from reader: inout BinaryReader, fetch: Fetch) throws {
        let tag = try reader.int()
        if let entry = try Entry.aboutRun(tag, &reader, fetch: fetch) {
            self = entry
            return
        }
        let step = try reader.step()
        switch tag {
        case 7: self = .ready(step)
        case 8:
            self = .leased(
                step,
                Lease(
                    number: try reader.int(), epoch: try reader.int(), target: try reader.optional { try $0.text() },
                    worker: try reader.text(), isProbe: try reader.bool()))
        case 9: self = .placed(step, Place(bootID: try reader.text(), spoolID: try reader.text()))
        case 10: self = .started(step, try reader.state(Containment.self))
        case 11: self = .adopted(step, epoch: try reader.int())
        case 12: self = .stopping(step)
        case 13:
            self = .unreachable(
                step, try reader.optional { try $0.text() }, until: try reader.optional { try $0.instant() })
        case 14: self = .attemptEnded(step, try reader.attemptEnd())
        case 80:
            var end = try reader.attemptEnd()
            end.at = try reader.instant()
            self = .attemptEnded(step, end)
        case 15: self = .settled(step, try reader.settlement(fetch: fetch))
        case 16: self = .sleeping(step, until: try reader.instant())
        case 17: self = .backingOff(step, until: try reader.instant(), reason: try reader.text())
        case 18: self = .held(step, reason: try reader.text())
        case 19: self = .unknown(step, reason: try reader.text())
        case 20:
            self = .approvalOpened(
                step, prompt: try reader.text(), digest: try reader.digest(), deadline: try reader.optional { try $0.instant() }
            )
        case 21: self = .voted(step, try reader.vote())
        case 22: self = .approvalClosed(step, try reader.state(ApprovalRow.State.self))
        case 23:
            let keys = try reader.value(fetch: fetch).arrayValue ?? []
            self = .mapOpened(step, keys: keys.map(\.text), values: try reader.value(fetch: fetch).arrayValue ?? [])
        case 24: self = .elementOpened(step, element: try reader.int())
        case 25:
            self = .elementClosed(
                step, element: try reader.int(), hasFailed: try reader.bool(), target: try reader.targetEnd())
        case 27: self = .noted(step, try reader.text())
        case 28:
            let kind = try reader.text()
            guard let entry = RolloutEntry(kind: kind, details: try reader.json()) else {
                throw BinaryReader.Malformed(message: "rollout entry '\(kind)' is not known or lacks a member")
            }
            self = .rollout(step, entry)
        case 38:
            let kind = try reader.text()
            guard let entry = GateEntry(kind: kind, details: try reader.json()) else {
                throw BinaryReader.Malformed(message: "gate entry '\(kind)' is not known or lacks a member")
            }
            self = .gate(step, entry)
        case 39:
            var vote = try reader.vote()
            try vote.add(extras: try reader.json())
            self = .voted(step, vote)
        case 32: self = .stoppedBefore(step)
        case 33: self = .released(step)
        case 34: self = .resumed(step)
        case 42: self = .awaiting(step, signal: try reader.text(), until: try reader.optional { try $0.instant() })
        case 43: self = .signalTaken(step, signal: try reader.text())
        case 45: self = .calling(step)
        case 46: self = .called(step, try reader.runID())
        case 140: self = .seeking(step, selector: try reader.text())
        case 141:
            guard let found = [String: [Host]](json: try reader.json()).first else {
                throw BinaryReader.Malformed(message: "the hosts of a selector cannot be read")
            }
            self = .hostsFound(step, selector: found.key, found.value)
        case 142: self = .elementsReturn(step)
        case 130: self = .given(step, try Shaper(json: try reader.json()))
        default: throw BinaryReader.Malformed(message: "entry kind \(tag) is not known")
        }
    }

    private static func aboutRun(_ tag: Int, _ reader: inout BinaryReader, fetch: Fetch) throws -> Entry? {
        switch tag {
        case 1: .created(try Created(json: try reader.json()))
        case 2:
            .commanded(
                Command(
                    verb: try reader.text(), user: try reader.text(), person: try reader.text(),
                    subject: try reader.optional { try $0.text() }, message: try reader.optional { try $0.text() }))
        case 3: .runState(try reader.state(RunState.self), reason: try reader.optional { try $0.text() })
        case 4: .paused(try reader.bool())
        case 5: .cancelRequested(try reader.int() == Run.Cancellation.kill.rawValue ? .kill : .cancel)
        case 6: .bodyEnded(try reader.state(RunState.self))
        case 29: .inputsEdited(try InputEdit(json: try reader.json()))
        case 30: .breakpoint(try reader.text(), isSet: try reader.bool())
        case 31: .signalled(try reader.text(), try reader.value(fetch: fetch))
        case 120: .keyed(try reader.text(), try reader.digest())
        case 35: .changeGate(try reader.gateEntry())
        case 44: .undo(try reader.undoEntry())
        case 50: .claim(try ClaimEntry(kind: try reader.text(), stored: try reader.json()))
        case 51: .reprioritised(try reader.int())
        case 26: .reopened(try (0..<(try reader.int())).map { _ in try reader.step() })
        default: nil
        }
    }
}

extension BinaryReader {
    fileprivate mutating func step() throws -> Entry.StepRef {
        Entry.StepRef(index: try int(), path: StepPath(try text()))
    }

    fileprivate mutating func gateEntry() throws -> ChangeGateEntry {
        let kind = try text()
        guard let entry = ChangeGateEntry(kind: kind, stored: try json()) else {
            throw Malformed(message: "gate entry '\(kind)' is not known or lacks a member")
        }
        return entry
    }

    fileprivate mutating func runID() throws -> RunID {
        let text = try text()
        guard let id = RunID(text) else { throw Malformed(message: "'\(text)' is not the id of a run") }
        return id
    }

    fileprivate mutating func undoEntry() throws -> UndoEntry {
        let kind = try text()
        guard let entry = UndoEntry(kind: kind, details: try json()) else {
            throw Malformed(message: "undo entry '\(kind)' is not known or lacks a member")
        }
        return entry
    }

    fileprivate mutating func attemptEnd() throws -> Entry.AttemptEnd {
        Entry.AttemptEnd(
            state: try state(AttemptState.self), cause: try optional { try $0.state(AttemptResult.Failure.Cause.self) }, counts: try bool(),
            exitStatus: try optional { try $0.int() },
            signal: try optional { try $0.int() }, outputBytes: try int(), truncated: try bool(),
            message: try optional { try $0.text() }, lastLine: try optional { try $0.text() })
    }

    fileprivate mutating func targetEnd() throws -> Entry.TargetEnd? {
        let outcome = try optional { try $0.state(TargetOutcome.self) }
        let reason = try optional { try $0.text() }
        return outcome.map { Entry.TargetEnd(outcome: $0, reason: reason) }
    }

    fileprivate mutating func settlement(
        fetch: (Digest) throws(StoreError) -> [UInt8]?
    ) throws -> Entry.Settlement {
        let state = try state(StepState.self)
        let reason = try optional { try $0.text() }
        let changed = try optional { try $0.bool() }
        let isIgnored = try bool()
        let value = try bool() ? try self.value(fetch: fetch) : nil
        return Entry.Settlement(state: state, reason: reason, value: value, changed: changed, isIgnored: isIgnored)
    }

    fileprivate mutating func vote() throws -> ApprovalRow.Vote {
        ApprovalRow.Vote(
            user: try text(), person: try text(), names: (try json().arrayValue ?? []).map(\.text),
            roles: (try json().arrayValue ?? []).map(\.text), decision: try state(ApprovalRow.Vote.Decision.self),
            comment: try optional { try $0.text() }, at: try instant())
    }

    fileprivate mutating func value(fetch: (Digest) throws(StoreError) -> [UInt8]?) throws -> JSON {
        guard try bool() else { return try json() }
        let digest = try digest()
        guard let bytes = try fetch(digest) else { throw Malformed(message: "blob \(digest.short) is missing") }
        return try JSON.parse(bytes, maxDepth: Limits.planDepth)
    }
}
