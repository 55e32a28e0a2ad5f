package import FlowModel

extension JournalRecord {
    /// The record's entries as the event stream shows them, secrets redacted. Values that are in blobs are left out.
    package func events() throws(StoreError) -> [JSON] {
        try Entry.decode(bytes) { _ in Array("null".utf8) }.map { SealedText.redacted($0.view) }
    }
}

extension Entry {
    /// `{"kind":…,"step":…,…}`, the names those of the wire.
    var view: JSON {
        var members = details
        members["kind"] = .string(kind)
        if let step { members["step"] = .string(step.path.text) }
        return .object(members.filter { $0.value != .null })
    }

    private var kind: String {
        switch self {
        case .created: "created"
        case .commanded: "commanded"
        case .runState: "runState"
        case .paused: "paused"
        case .cancelRequested: "cancelRequested"
        case .bodyEnded: "bodyEnded"
        case .ready: "stepReady"
        case .leased: "attemptLeased"
        case .placed: "attemptPlaced"
        case .started: "attemptStarted"
        case .adopted: "attemptAdopted"
        case .stopping: "attemptStopping"
        case .unreachable: "hostUnreachable"
        case .attemptEnded: "attemptEnded"
        case .settled: "stepSettled"
        case .sleeping: "stepSleeping"
        case .backingOff: "stepBackingOff"
        case .held: "stepHeld"
        case .unknown: "stepUnknown"
        case .approvalOpened: "approvalOpened"
        case .voted: "approvalVoted"
        case .approvalClosed: "approvalClosed"
        case .mapOpened: "mapOpened"
        case .elementsReturn: "elementsReturn"
        case .elementOpened: "elementOpened"
        case .elementClosed: "elementClosed"
        case .reopened: "generationOpened"
        case .noted: "noted"
        case .rollout(_, let entry): entry.kind
        case .gate(_, let entry): entry.kind
        case .inputsEdited: "inputsEdited"
        case .breakpoint: "breakpoint"
        case .signalled: "signalled"
        case .keyed: "keyed"
        case .stoppedBefore: "stepStoppedBefore"
        case .released: "stepReleased"
        case .awaiting: "stepAwaitingSignal"
        case .signalTaken: "signalTaken"
        case .resumed: "stepResumed"
        case .changeGate(let entry): entry.kind
        case .undo(let entry): entry.kind
        case .calling: "stepCalling"
        case .called: "stepCalled"
        case .seeking: "stepSeekingHosts"
        case .hostsFound: "hostsFound"
        case .claim(let entry): entry.kind
        case .reprioritised: "reprioritised"
        case .given: "stepGiven"
        }
    }

    private var details: [String: JSON] {
        func text(_ value: String?) -> JSON { value.map(JSON.string) ?? .null }
        func int(_ value: Int?) -> JSON { value.map(JSON.int) ?? .null }
        switch self {
        case .created(let created):
            return [
                "flow": .string(created.flow), "revision": .string(created.revision.hex), "actor": .string(created.user),
                "inputs": .object(created.inputs),
            ]
        case .commanded(let command):
            return [
                "verb": .string(command.verb), "actor": .string(command.user), "subject": text(command.subject),
                "message": text(command.message),
            ]
        case .runState(let state, let reason): return ["state": .string(state.rawValue), "reason": text(reason)]
        case .paused(let isPaused): return ["paused": .bool(isPaused)]
        case .cancelRequested(let cancellation): return ["verb": cancellation == .kill ? "kill" : "cancel"]
        case .bodyEnded(let outcome): return ["outcome": .string(outcome.rawValue)]
        case .ready: return ["state": .string(StepState.ready.rawValue)]
        case .leased(_, let lease):
            return [
                "attempt": .int(lease.number), "target": text(lease.target), "worker": .string(lease.worker),
                "state": .string(StepState.running.rawValue), "probe": lease.isProbe ? .bool(true) : .null,
            ]
        case .placed(_, let place): return ["bootID": .string(place.bootID), "spoolID": .string(place.spoolID)]
        case .started(_, let containment): return ["containment": .string(containment.rawValue)]
        case .adopted(_, let epoch): return ["epoch": .int(epoch)]
        case .stopping: return [:]
        case .unreachable(_, let reason, let until):
            return ["message": text(reason), "until": until.map { .string($0.description) } ?? .null]
        case .attemptEnded(_, let end):
            return [
                "attemptState": .string(end.state.rawValue), "cause": text(end.cause?.rawValue), "exitStatus": int(end.exitStatus),
                "signal": int(end.signal),
                "outputBytes": .int(end.outputBytes), "truncated": .bool(end.truncated), "message": text(end.message),
                "lastLine": text(end.lastLine), "endedAt": end.at.map { .string($0.description) } ?? .null,
            ]
        case .settled(_, let settlement):
            return [
                "state": .string(settlement.state.rawValue), "reason": text(settlement.reason),
                "changed": settlement.changed.map(JSON.bool) ?? .null,
            ]
        case .sleeping(_, let until):
            return ["state": .string(StepState.waiting.rawValue), "until": .string(until.description)]
        case .backingOff(_, let until, let reason):
            return [
                "state": .string(StepState.backingOff.rawValue), "until": .string(until.description), "reason": .string(reason),
            ]
        case .held(_, let reason): return ["state": .string(StepState.held.rawValue), "reason": .string(reason)]
        case .unknown(_, let reason): return ["state": .string(StepState.unknown.rawValue), "reason": .string(reason)]
        case .approvalOpened(_, let prompt, let digest, let deadline):
            return [
                "state": .string(StepState.waiting.rawValue), "prompt": .string(prompt), "digest": .string(digest.hex),
                "deadlineAt": deadline.map { .string($0.description) } ?? .null,
            ]
        case .voted(_, let vote):
            return [
                "actor": .string(vote.user), "decision": .string(vote.decision.rawValue), "comment": text(vote.comment),
                "for": text(vote.delegation?.from), "fields": vote.fields.map(JSON.object) ?? .null,
            ]
        case .approvalClosed(_, let state): return ["approval": .string(state.rawValue)]
        case .mapOpened(_, let keys, _):
            return ["state": .string(StepState.running.rawValue), "elements": .int(keys.count)]
        case .elementOpened(_, let element): return ["element": .int(element)]
        case .elementClosed(_, let element, let hasFailed, let target):
            return [
                "element": .int(element), "failed": .bool(hasFailed), "outcome": text(target?.outcome.rawValue), "reason": text(target?.reason),
            ]
        case .rollout(_, let entry): return entry.details
        case .gate(_, let entry): return entry.details
        case .inputsEdited(let edit): return ["inputs": .object(edit.inputs)]
        case .breakpoint(let step, let isSet): return ["before": .string(step), "set": .bool(isSet)]
        case .signalled(let signal, _): return ["signal": .string(signal)]
        case .keyed(let key, _): return ["key": .string(key)]
        case .stoppedBefore: return ["state": .string(StepState.waiting.rawValue)]
        case .released, .resumed, .elementsReturn: return [:]
        case .awaiting(_, let signal, let until):
            return [
                "state": .string(StepState.waiting.rawValue), "signal": .string(signal),
                "until": until.map { .string($0.description) } ?? .null,
            ]
        case .signalTaken(_, let signal): return ["signal": .string(signal)]
        case .changeGate(let entry): return entry.details
        case .undo(let entry): return entry.details
        case .calling: return ["state": .string(StepState.waiting.rawValue)]
        case .called(_, let child): return ["child": .string(child.text)]
        case .seeking(_, let selector): return ["state": .string(StepState.waiting.rawValue), "selector": .string(selector)]
        case .hostsFound(_, let selector, let hosts):
            return ["state": .string(StepState.ready.rawValue), "selector": .string(selector), "hosts": .array(hosts.map { .string($0.name) })]
        case .claim(let entry): return entry.details
        case .given(_, let giver): return ["actor": .string(giver.user)]
        case .reprioritised(let priority): return ["priority": .int(priority)]
        case .reopened(let steps): return ["steps": .array(steps.map { .string($0.path.text) })]
        case .noted(_, let message): return ["message": .string(message)]
        }
    }
}
