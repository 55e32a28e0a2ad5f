import FlowModel

extension Entry {
    /// One number for each case, for ever.
    private var tag: Int {
        switch self {
        case .created: 1
        case .commanded: 2
        case .runState: 3
        case .paused: 4
        case .cancelRequested: 5
        case .bodyEnded: 6
        case .ready: 7
        case .leased: 8
        case .placed: 9
        case .started: 10
        case .adopted: 11
        case .stopping: 12
        case .unreachable: 13
        // An end that was noticed late says when it was.
        case .attemptEnded(_, let end): end.at == nil ? 14 : 80
        case .settled: 15
        case .sleeping: 16
        case .backingOff: 17
        case .held: 18
        case .unknown: 19
        case .approvalOpened: 20
        // A vote that says more than yes or no has a form of its own.
        case .voted(_, let vote): vote.isPlain ? 21 : 39
        case .approvalClosed: 22
        case .mapOpened: 23
        case .elementOpened: 24
        case .elementClosed: 25
        case .reopened: 26
        case .noted: 27
        case .rollout: 28
        case .gate: 38
        case .inputsEdited: 29
        case .breakpoint: 30
        case .signalled: 31
        case .keyed: 120
        case .stoppedBefore: 32
        case .released: 33
        case .resumed: 34
        case .awaiting: 42
        case .signalTaken: 43
        case .changeGate: 35
        case .undo: 44
        case .calling: 45
        case .called: 46
        case .claim: 50
        case .reprioritised: 51
        case .given: 130
        case .seeking: 140
        case .hostsFound: 141
        case .elementsReturn: 142
        }
    }

    func write(to out: inout BinaryWriter, spill: ([UInt8]) -> Digest) {
        out.write(tag)
        if let step { out.write(step) }
        switch self {
        case .created(let created): out.write(created.json)
        case .commanded(let command):
            out.write(command.verb)
            out.write(command.user)
            out.write(command.person)
            out.write(command.subject)
            out.write(command.message)
        case .runState(let state, let reason):
            out.write(state.rawValue)
            out.write(reason)
        case .paused(let isPaused): out.write(isPaused)
        case .cancelRequested(let cancellation): out.write(cancellation.rawValue)
        case .bodyEnded(let outcome): out.write(outcome.rawValue)
        case .ready, .stopping, .stoppedBefore, .released, .resumed, .calling, .elementsReturn: break
        case .called(_, let child): out.write(child.text)
        case .seeking(_, let selector): out.write(selector)
        case .hostsFound(_, let selector, let hosts): out.write([selector: hosts].json)
        case .inputsEdited(let edit): out.write(edit.json)
        case .breakpoint(let step, let isSet):
            out.write(step)
            out.write(isSet)
        case .signalled(let signal, let value):
            out.write(signal)
            out.write(value, spill: spill)
        case .keyed(let key, let digest):
            out.write(key)
            out.write(digest)
        case .awaiting(_, let signal, let until):
            out.write(signal)
            out.write(until) { $0.write($1) }
        case .signalTaken(_, let signal): out.write(signal)
        case .leased(_, let lease):
            out.write(lease.number)
            out.write(lease.epoch)
            out.write(lease.target)
            out.write(lease.worker)
            out.write(lease.isProbe)
        case .placed(_, let place):
            out.write(place.bootID)
            out.write(place.spoolID)
        case .started(_, let containment): out.write(containment.rawValue)
        case .adopted(_, let epoch): out.write(epoch)
        case .unreachable(_, let reason, let until):
            out.write(reason)
            out.write(until) { $0.write($1) }
        case .attemptEnded(_, let end):
            out.write(end)
            if let at = end.at { out.write(at) }
        case .settled(_, let settlement): out.write(settlement, spill: spill)
        case .sleeping(_, let until): out.write(until)
        case .backingOff(_, let until, let reason):
            out.write(until)
            out.write(reason)
        case .held(_, let reason), .unknown(_, let reason), .noted(_, let reason): out.write(reason)
        case .approvalOpened(_, let prompt, let digest, let deadline):
            out.write(prompt)
            out.write(digest)
            out.write(deadline) { $0.write($1) }
        case .voted(_, let vote):
            out.write(vote)
            if !vote.isPlain { out.write(vote.extras) }
        case .gate(_, let entry):
            out.write(entry.kind)
            out.write(.object(entry.details))
        case .approvalClosed(_, let state): out.write(state.rawValue)
        case .mapOpened(_, let keys, let values):
            out.write(.array(keys.map(JSON.string)), spill: spill)
            out.write(.array(values), spill: spill)
        case .elementOpened(_, let element): out.write(element)
        case .elementClosed(_, let element, let hasFailed, let target):
            out.write(element)
            out.write(hasFailed)
            out.write(target?.outcome.rawValue)
            out.write(target?.reason)
        case .rollout(_, let entry):
            out.write(entry.kind)
            out.write(.object(entry.details))
        case .changeGate(let entry):
            out.write(entry.kind)
            out.write(entry.stored)
        case .undo(let entry):
            out.write(entry.kind)
            out.write(.object(entry.details))
        case .claim(let entry):
            out.write(entry.kind)
            out.write(entry.stored)
        case .reprioritised(let priority): out.write(priority)
        case .given(_, let giver): out.write(giver.json)
        case .reopened(let steps):
            out.write(steps.count)
            for step in steps { out.write(step) }
        }
    }

    /// The step that the entry is about.
    package var step: StepRef? {
        switch self {
        case .created, .commanded, .runState, .paused, .cancelRequested, .bodyEnded, .reopened, .inputsEdited, .breakpoint, .signalled, .keyed,
            .changeGate,
            .undo, .claim, .reprioritised:
            nil
        case .ready(let step), .leased(let step, _), .placed(let step, _), .started(let step, _), .adopted(let step, _),
            .stopping(let step), .unreachable(let step, _, _), .attemptEnded(let step, _), .settled(let step, _),
            .sleeping(let step, _), .backingOff(let step, _, _), .held(let step, _), .unknown(let step, _),
            .approvalOpened(let step, _, _, _), .voted(let step, _), .approvalClosed(let step, _),
            .mapOpened(let step, _, _), .elementOpened(let step, _), .elementClosed(let step, _, _, _), .noted(let step, _),
            .rollout(let step, _), .gate(let step, _), .stoppedBefore(let step), .released(let step), .resumed(let step),
            .awaiting(let step, _, _), .signalTaken(let step, _), .calling(let step), .called(let step, _), .given(let step, _),
            .seeking(let step, _), .hostsFound(let step, _, _), .elementsReturn(let step):
            step
        }
    }
}

extension BinaryWriter {
    fileprivate mutating func write(_ step: Entry.StepRef) {
        write(step.index)
        write(step.path.text)
    }

    fileprivate mutating func write(_ end: Entry.AttemptEnd) {
        write(end.state.rawValue)
        write(end.cause?.rawValue)
        write(end.counts)
        write(end.exitStatus)
        write(end.signal)
        write(end.outputBytes)
        write(end.truncated)
        write(end.message)
        write(end.lastLine)
    }

    fileprivate mutating func write(_ settlement: Entry.Settlement, spill: ([UInt8]) -> Digest) {
        write(settlement.state.rawValue)
        write(settlement.reason)
        write(settlement.changed)
        write(settlement.isIgnored)
        write(settlement.value) { $0.write($1, spill: spill) }
    }

    fileprivate mutating func write(_ vote: ApprovalRow.Vote) {
        write(vote.user)
        write(vote.person)
        write(.array(vote.names.map(JSON.string)))
        write(.array(vote.roles.map(JSON.string)))
        write(vote.decision.rawValue)
        write(vote.comment)
        write(vote.at)
    }

    /// A value in place, or the digest of the blob that holds it.
    fileprivate mutating func write(_ value: JSON, spill: ([UInt8]) -> Digest) {
        let bytes = value.canonicalBytes
        let isLarge = bytes.count > Limits.inlineValueBytes
        write(isLarge)
        if isLarge { write(spill(bytes)) } else { write(value) }
    }
}
