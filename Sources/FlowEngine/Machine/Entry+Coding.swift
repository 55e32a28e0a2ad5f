package import FlowModel

extension Entry {
    /// The first byte of a record's bytes: the version of the form. Forms are only added to.
    static let form: UInt8 = 1

    /// The binary form of the entries of one record. `spill` takes the canonical JSON of a value that is too large for the
    /// journal and gives the digest of the blob that will hold it.
    package static func encode(_ entries: [Entry], spill: ([UInt8]) -> Digest) -> [UInt8] {
        var writer = BinaryWriter()
        for entry in entries { entry.write(to: &writer, spill: spill) }
        return [form] + writer.bytes
    }

    /// The entries of a record's bytes. `fetch` gives the bytes of a blob.
    package static func decode(
        _ bytes: [UInt8], fetch: (Digest) throws(StoreError) -> [UInt8]?
    ) throws(StoreError) -> [Entry] {
        do {
            var reader = BinaryReader(Array(bytes.dropFirst()))
            guard bytes.first == form else {
                throw BinaryReader.Malformed(message: "its form \(bytes.first ?? 0) is not known")
            }
            var entries: [Entry] = []
            while !reader.isAtEnd { entries.append(try Entry(from: &reader, fetch: fetch)) }
            return entries
        } catch let error as StoreError {
            throw error
        } catch {
            throw .corrupt("a journal record cannot be read: \((error as? BinaryReader.Malformed)?.message ?? "\(error)")")
        }
    }
}

// MARK: - Writing

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
        case .attemptEnded: 14
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
        }
    }

    private func write(to out: inout BinaryWriter, spill: ([UInt8]) -> Digest) {
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
        case .ready, .stopping, .stoppedBefore, .released, .resumed, .calling: break
        case .called(_, let child): out.write(child.text)
        case .inputsEdited(let edit): out.write(edit.json)
        case .breakpoint(let step, let isSet):
            out.write(step)
            out.write(isSet)
        case .signalled(let signal, let value):
            out.write(signal)
            out.write(value, spill: spill)
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
        case .attemptEnded(_, let end): out.write(end)
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
        case .reopened(let steps):
            out.write(steps.count)
            for step in steps { out.write(step) }
        }
    }

    /// The step that the entry is about.
    package var step: StepRef? {
        switch self {
        case .created, .commanded, .runState, .paused, .cancelRequested, .bodyEnded, .reopened, .inputsEdited, .breakpoint, .signalled, .changeGate,
            .undo, .claim, .reprioritised:
            nil
        case .ready(let step), .leased(let step, _), .placed(let step, _), .started(let step, _), .adopted(let step, _),
            .stopping(let step), .unreachable(let step, _, _), .attemptEnded(let step, _), .settled(let step, _),
            .sleeping(let step, _), .backingOff(let step, _, _), .held(let step, _), .unknown(let step, _),
            .approvalOpened(let step, _, _, _), .voted(let step, _), .approvalClosed(let step, _),
            .mapOpened(let step, _, _), .elementOpened(let step, _), .elementClosed(let step, _, _, _), .noted(let step, _),
            .rollout(let step, _), .gate(let step, _), .stoppedBefore(let step), .released(let step), .resumed(let step),
            .awaiting(let step, _, _), .signalTaken(let step, _), .calling(let step), .called(let step, _):
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

// MARK: - Reading

extension Entry {
    private typealias Fetch = (Digest) throws(StoreError) -> [UInt8]?

    private init(from reader: inout BinaryReader, fetch: Fetch) throws {
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

// MARK: - Created

extension Created {
    /// Written once for a run, so it may be JSON: readable, and open to additions.
    fileprivate var json: JSON {
        var members: [String: JSON] = [
            "flow": .string(flow), "revision": .string(revision.hex), "plan": .string(plan.hex), "inputs": .object(inputs),
            "user": .string(user), "person": .string(person),
        ]
        if let binary { members["binary"] = .string(binary.hex) }
        if let key { members["key"] = .string(key) }
        if let parent {
            members["parent"] = ["run": .string(parent.run.text), "step": .string(parent.step.text), "generation": .int(parent.generation)]
        }
        if !callers.isEmpty {
            members["callers"] = .array(callers.map { ["run": .string($0.run.text), "step": .string($0.step.text)] })
        }
        if let limit {
            members["limit"] = ["selector": .string(limit.selector), "hosts": .array(limit.hosts.map(JSON.string))]
        }
        if let priority { members["priority"] = .int(priority) }
        if !holdBefore.isEmpty { members["holdBefore"] = .array(holdBefore.sorted().map(JSON.string)) }
        if !labels.isEmpty { members["labels"] = .object(labels.mapValues(JSON.string)) }
        if !targets.isEmpty { members["targets"] = targets.json }
        return .object(members)
    }

    fileprivate init(json: JSON) throws {
        func digest(_ name: String) -> Digest? { json[name]?.stringValue.flatMap(Digest.init(hex:)) }
        guard let flow = json["flow"]?.stringValue, let revision = digest("revision"), let plan = digest("plan"),
            let inputs = json["inputs"]?.objectValue, let user = json["user"]?.stringValue,
            let person = json["person"]?.stringValue
        else { throw BinaryReader.Malformed(message: "the run's first entry lacks a member") }
        self.init(
            flow: flow, revision: revision, plan: plan, binary: digest("binary"), inputs: inputs,
            targets: [String: [Host]](json: json["targets"]),
            labels: (json["labels"]?.objectValue ?? [:]).mapValues(\.text), key: json["key"]?.stringValue, user: user,
            person: person, holdBefore: Set((json["holdBefore"]?.arrayValue ?? []).map(\.text)), parent: CallID(json: json["parent"]),
            callers: (json["callers"]?.arrayValue ?? []).compactMap(ClaimRow.ID.init(json:)), priority: json["priority"]?.intValue,
            limit: HostLimit(json: json["limit"]))
    }
}

extension HostLimit {
    fileprivate init?(json: JSON?) {
        guard let selector = json?["selector"]?.stringValue, let hosts = json?["hosts"]?.arrayValue else { return nil }
        self.init(selector: selector, hosts: hosts.map(\.text))
    }
}

extension ClaimRow.ID {
    fileprivate init?(json: JSON) {
        guard let run = json["run"]?.stringValue.flatMap({ RunID($0) }), let step = json["step"]?.stringValue else { return nil }
        self.init(run: run, step: StepPath(step))
    }
}

extension CallID {
    fileprivate init?(json: JSON?) {
        guard let run = json?["run"]?.stringValue.flatMap({ RunID($0) }), let step = json?["step"]?.stringValue,
            let generation = json?["generation"]?.intValue
        else { return nil }
        self.init(run: run, step: StepPath(step), generation: generation)
    }
}

extension InputEdit {
    fileprivate var json: JSON { ["inputs": .object(inputs), "targets": targets.json] }

    fileprivate init(json: JSON) throws {
        guard let inputs = json["inputs"]?.objectValue else { throw BinaryReader.Malformed(message: "an edit has no inputs") }
        self.init(inputs: inputs, targets: [String: [Host]](json: json["targets"]))
    }
}

extension [String: [Host]] {
    fileprivate var json: JSON { .object(mapValues { .array($0.map(\.json)) }) }

    fileprivate init(json: JSON?) {
        self = (json?.objectValue ?? [:]).mapValues { ($0.arrayValue ?? []).compactMap(Host.init(json:)) }
    }
}

extension Host {
    fileprivate var json: JSON {
        var members: [String: JSON] = [
            "name": .string(name), "address": .string(address), "port": .int(port),
            "hostKeys": .array(hostKeys.map(JSON.string)), "labels": .object(labels.mapValues(JSON.string)),
        ]
        if let user { members["user"] = .string(user) }
        if let identityFile { members["identityFile"] = .string(identityFile) }
        return .object(members)
    }

    fileprivate init?(json: JSON) {
        guard let name = json["name"]?.stringValue, let address = json["address"]?.stringValue,
            let port = json["port"]?.intValue
        else { return nil }
        self.init(
            name: name, address: address, port: port, user: json["user"]?.stringValue,
            identityFile: json["identityFile"]?.stringValue, hostKeys: (json["hostKeys"]?.arrayValue ?? []).map(\.text),
            labels: (json["labels"]?.objectValue ?? [:]).mapValues(\.text))
    }
}
