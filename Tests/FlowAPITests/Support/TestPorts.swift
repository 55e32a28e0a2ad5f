import FlowAPI
import FlowCrypto
import FlowEngine
import FlowModel
import FlowWire
import NIOCore
import Synchronization

/// Everybody whom the tests know: a token `token-ROLE` for each role, and people for approvals.
struct TestIdentities: Identities {
    let socketRoles = SocketRoles()
    /// Tokens that are good no more.
    let revoked = SocketRoles()
    /// Who has an account.
    var accounts: [Wire.User] = []

    final class SocketRoles: Sendable {
        private let roles = Mutex<[String]>([])
        var value: [String] {
            get { roles.withLock { $0 } }
            set { roles.withLock { $0 = newValue } }
        }
    }

    static let people: [String: Actor] = {
        var people: [String: Actor] = [:]
        for role in Role.allCases {
            let name = role.rawValue
            people["token-\(name)"] = Actor(person: name, user: name, names: [name], roles: [name])
        }
        people["token-nobody"] = Actor(person: "nobody", user: "nobody", names: ["nobody"], roles: ["release-manager"])
        people["token-alice"] = Actor(
            person: "alice", user: "alice", names: ["alice", "os:alice"], roles: ["author", "manager"])
        people["token-alice-2"] = Actor(
            person: "alice", user: "os:alice", names: ["alice", "os:alice"], roles: ["author", "manager"])
        people["token-bob"] = Actor(person: "bob", user: "bob", names: ["bob"], roles: ["viewer", "manager"])
        people["token-carol"] = Actor(person: "carol", user: "carol", names: ["carol"], roles: ["viewer", "manager"])
        people["token-root"] = Actor(person: "root", user: "root", names: ["root"], roles: ["admin"])
        return people
    }()

    func actor(uid: UInt32) async throws -> Actor {
        Actor(person: "uid\(uid)", user: "os:uid\(uid)", names: ["os:uid\(uid)"], roles: socketRoles.value)
    }
    func actor(token: String) async throws -> Actor? { revoked.value.contains(token) ? nil : TestIdentities.people[token] }
    func users() async throws -> [Wire.User] { accounts }
    var people: People? { nil }
    func setRoles(_ roles: [String], of name: String, by actor: Actor) async throws -> Wire.User {
        Wire.User(person: name, names: [name], roles: roles)
    }
    func link(_ name: String, with other: String, by actor: Actor) async throws -> Wire.User {
        Wire.User(person: name, names: [name, other], roles: [])
    }
    func unlink(_ name: String, from other: String, message: String, by actor: Actor) async throws -> [Wire.User] {
        [name, other].map { Wire.User(person: $0, names: [$0], roles: []) }
    }
    func remove(user name: String, by actor: Actor) async throws {}
    func tokens(of person: String?) async throws -> [Wire.Token] {
        let all = ["alice", "bob"].map { Wire.Token(id: "of-\($0)", name: "t", user: $0, createdAt: Instant(milliseconds: 0)) }
        return all.filter { person == nil || $0.user == person }
    }
    func createToken(_ request: Wire.TokenRequest, by actor: Actor) async throws -> Wire.Token {
        Wire.Token(
            id: "1", name: request.name, user: request.user ?? actor.user, createdAt: Instant(milliseconds: 0), token: "flow_x")
    }
    func revokeToken(_ id: String, by actor: Actor) async throws {}
    func delegations() async throws -> [Wire.Delegation] {
        let day = Instant(milliseconds: 0)
        return [Wire.Delegation(id: "1", from: "alice", to: "bob", role: "manager", createdAt: day, until: day + 86_400)]
    }
    func delegate(_ request: Wire.DelegationRequest, by actor: Actor) async throws -> Wire.Delegation {
        Wire.Delegation(
            id: "2", from: request.from ?? actor.user, to: request.to, role: request.role, createdAt: Instant(milliseconds: 0), until: request.until)
    }
    func revokeDelegation(_ id: String, by actor: Actor) async throws {}
}

final class TestCatalogue: FlowCatalogue {
    private let plans = Mutex<[String: Plan]>([:])

    func plan(_ name: String) -> Plan? { plans.withLock { $0[name] } }
    func add(_ plan: Plan) { plans.withLock { $0[plan.flow] = plan } }

    private func wire(_ plan: Plan, full: Bool) -> Wire.Flow {
        Wire.Flow(
            name: plan.flow, revision: TestPreparation.digest(plan.flow), parameters: plan.parameters, steps: plan.nodes.count,
            addedAt: Instant(milliseconds: 0), addedBy: "alice", plan: full ? plan : nil)
    }
    func flows() async throws -> [Wire.Flow] {
        plans.withLock { $0.values.sorted { $0.flow < $1.flow } }.map { wire($0, full: false) }
    }
    func flow(_ name: String) async throws -> Wire.Flow? { plan(name).map { wire($0, full: true) } }
    func register(_ name: String, _ request: Wire.Register, by actor: Actor) async throws -> Wire.Flow {
        guard let plan = request.plan else { throw FlowError(.usage, subject: "plan", "no plan") }
        add(plan)
        return wire(plan, full: true)
    }
    func remove(flow name: String, by actor: Actor) async throws {
        guard plans.withLock({ $0.removeValue(forKey: name) }) != nil else { throw FlowError(.notFound, subject: name, "none") }
    }
}

struct TestPreparation: RunPreparation {
    let catalogue: TestCatalogue

    static func digest(_ text: String) -> Digest { Digest(of: text.utf8) }

    func prepare(_ start: Wire.Start, key: String?, content: JSON) async throws -> StartRequest {
        let plan = try plan(start)
        var inputs = start.inputs ?? [:]
        for parameter in plan.parameters where parameter.isSecret {
            if inputs[parameter.name] != nil { inputs[parameter.name] = .string(SealedText.marker("c2VhbGVk")) }
        }
        return StartRequest(
            plan: plan, revision: TestPreparation.digest(plan.flow), binary: nil, inputs: inputs, targets: [:],
            labels: start.labels ?? [:], key: key, fingerprint: TestPreparation.digest(content.canonical))
    }
    func preview(_ start: Wire.Start) async throws -> Wire.Preview {
        let plan = try plan(start)
        return Wire.Preview(
            flow: plan.flow, revision: TestPreparation.digest(plan.flow), plan: plan, inputs: .object(start.inputs ?? [:]),
            targets: [:])
    }
    func check(_ start: Wire.Start, taken: Set<String>?) async throws { _ = try plan(start) }
    func edit(_ inputs: [String: JSON], of plan: Plan, begunWith created: Created, now current: JSON) async throws -> InputEdit {
        InputEdit(inputs: inputs)
    }
    private func plan(_ start: Wire.Start) throws -> Plan {
        if let plan = start.plan { return plan }
        guard let name = start.flow else { throw FlowError(.usage, subject: "flow", "Nothing was started: say what.") }
        guard let plan = catalogue.plan(name) else { throw FlowError(.notFound, subject: name, "no flow") }
        return plan
    }
}

struct TestHosts: HostDirectory {
    static let host = FlowModel.Host(name: "web-1", address: "127.0.0.1")
    func inventory() async throws -> KnownInventory { KnownInventory(hosts: [TestHosts.host], groups: [:], file: "/inventory.yaml") }
    func hosts(matching selector: String) async throws -> [FlowModel.Host] { [TestHosts.host] }
    func add(_ hosts: [Wire.Host], by actor: Actor) async throws -> [Wire.Host] { hosts }
    func scan(_ request: Wire.Scan) async throws -> [Wire.HostKey] { [] }
    func importKnownHosts(_ request: Wire.KnownHosts, by actor: Actor) async throws -> Wire.KnownHostsResult {
        Wire.KnownHostsResult(imported: [], skipped: [])
    }
    func ping(_ selector: String) async throws -> [Wire.PingResult] { [] }
}

final class TestBlobs: BlobVault {
    private let stored = Mutex<[Digest: [UInt8]]>([:])
    func keep(_ bytes: [UInt8]) { stored.withLock { $0[Digest(of: bytes)] = bytes } }
    func read(_ digest: Digest, from offset: Int, limit: Int) async throws -> [UInt8]? {
        stored.withLock { $0[digest].map { Array($0.dropFirst(offset).prefix(limit)) } }
    }
    func contains(_ digest: Digest) async throws -> Bool { stored.withLock { $0[digest] != nil } }
    func put(_ digest: Digest, next: @Sendable () async throws -> ByteBuffer?) async throws {
        var hash = RunningDigest()
        var bytes: [UInt8] = []
        while let piece = try await next() {
            bytes += Array(piece.readableBytesView)
            hash.update(Array(piece.readableBytesView))
        }
        guard hash.finish() == digest else {
            throw FlowError(.usage, subject: digest.hex, "another digest")
        }
        stored.withLock { $0[digest] = bytes }
    }
}

final class TestOutputs: OutputReader {
    private let content = Mutex<[UInt8]>([])
    func append(_ text: String) { content.withLock { $0 += text.utf8 } }
    func output(
        of run: RunID, step: StepPath, attempt: Int, stream: OutputStream, offset: Int, limit: Int
    ) async throws -> [UInt8] {
        content.withLock { Array($0.dropFirst(offset).prefix(limit)) }
    }
    func lastLine(of run: RunID, step: StepPath, attempt: Int) async throws -> String? { "the last line" }
}

struct TestCaretaker: Caretaker {
    func findings() async throws -> [Wire.Finding] { [] }
    func figures() async throws -> [Figure] { [] }
    func backup() async throws -> Backup {
        let box = PieceBox(pieces: ["SQLite", "-ish"])
        return Backup(bytes: 10, next: { box.next().map { ByteBuffer(string: $0) } }, finish: {})
    }
    func note(_ verb: String, subject: String, detail: JSON, by actor: Actor) async throws {}
    func audit(before sequence: Int?, limit: Int) async throws -> [Wire.AuditEntry] { [] }

    private final class PieceBox: Sendable {
        private let pieces: Mutex<[String]>
        init(pieces: [String]) { self.pieces = Mutex(pieces) }
        func next() -> String? { pieces.withLock { $0.isEmpty ? nil : $0.removeFirst() } }
    }
}

/// One schedule that always answers the same.
struct TestSchedules: ScheduleDirectory {
    static let run = RunID(at: Instant(milliseconds: 1), random: [UInt8](repeating: 1, count: 10))

    private func one(_ name: String, _ spec: ScheduleSpec = ScheduleSpec(flow: "hello")) -> Wire.Schedule {
        Wire.Schedule(name: name, revision: 1, spec: spec, changedAt: Instant(milliseconds: 0), changedBy: "alice")
    }

    func schedules(after name: String?, limit: Int) async throws -> [Wire.Schedule] { name == nil ? [one("nightly")] : [] }
    func names() async throws -> [String] { ["nightly"] }
    func schedule(_ name: String) async throws -> Wire.Schedule? { name == "nightly" ? one(name) : nil }
    func put(_ name: String, _ spec: ScheduleSpec, by actor: Actor) async throws -> Wire.Schedule { one(name, spec) }
    func put(_ schedules: Wire.ScheduleImport, by actor: Actor) async throws -> [Wire.Schedule] { schedules.items.map { one($0.name, $0.spec) } }
    func adopt(_ triggers: [TriggerSpec], of flow: String, by actor: Actor) async throws {}
    func seal(inputsOf flow: String, by actor: Actor) async throws {}
    func remove(schedule name: String, by actor: Actor) async throws {}
    func pause(_ name: String, _ request: Wire.SchedulePause, by actor: Actor) async throws -> Wire.Schedule { one(name) }
    func resume(_ name: String, by actor: Actor) async throws -> Wire.Schedule { one(name) }
    func next(_ name: String, limit: Int) async throws -> [Wire.Occurrence] { [] }
    func occurrences(of name: String, isMissed: Bool, before: Instant?, limit: Int) async throws -> [Wire.Occurrence] { [] }
    func backfill(_ name: String, _ request: Wire.Backfill, by actor: Actor) async throws -> [Wire.Occurrence] { [] }
    func runNow(_ name: String, by actor: Actor) async throws -> RunID { TestSchedules.run }
    func faults(ofFlow flow: String?) async throws -> [FlowError.Detail] { [] }
}

/// One rule that always answers the same.
struct TestChangeRules: ChangeRuleDirectory {
    private func one(_ kind: ChangeRuleKind, _ name: String, _ spec: ChangeRuleSpec = ChangeRuleSpec(reason: "year end")) -> Wire.ChangeRule {
        Wire.ChangeRule(kind: kind, name: name, revision: 1, spec: spec, changedAt: Instant(milliseconds: 0), changedBy: "alice", isOn: true)
    }

    func rules(_ kind: ChangeRuleKind) async throws -> [Wire.ChangeRule] { [one(kind, "year-end")] }
    func put(_ kind: ChangeRuleKind, _ name: String, _ spec: ChangeRuleSpec, by actor: Actor) async throws -> Wire.ChangeRule {
        one(kind, name, spec)
    }
    func remove(_ kind: ChangeRuleKind, _ name: String, by actor: Actor) async throws {}
    func breakGlass(_ run: RunRow, _ request: Wire.BreakGlass, by actor: Actor) async throws -> RunRow { run }
}

/// One hook that takes everything.
struct TestHooks: HookDirectory {
    private func one(_ name: String, _ spec: HookSpec = HookSpec(flow: "hello")) -> Wire.Hook {
        Wire.Hook(name: name, spec: spec, changedAt: Instant(milliseconds: 0), changedBy: "alice")
    }

    func hooks(after name: String?, limit: Int) async throws -> [Wire.Hook] { name == nil ? [one("push")] : [] }
    func put(_ name: String, _ spec: HookSpec, newSecret: Bool, by actor: Actor) async throws -> Wire.Hook { one(name, spec) }
    func seal(inputsOf flow: String, by actor: Actor) async throws {}
    func remove(hook name: String, by actor: Actor) async throws {}
    func deliver(_ delivery: HookDelivery, to name: String) async throws -> Wire.Delivered {
        guard !delivery.signatures.isEmpty else { throw FlowError(.unauthenticated, subject: "hook", "Nothing was started.") }
        return Wire.Delivered(run: TestSchedules.run, isNew: true)
    }
    func deliveries(of name: String, limit: Int) async throws -> [Wire.Occurrence] { [] }
    func faults(ofFlow flow: String?) async throws -> [FlowError.Detail] { [] }
}
