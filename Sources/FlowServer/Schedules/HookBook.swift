package import FlowAPI
import FlowCrypto
package import FlowEngine
package import FlowModel
package import FlowStoreSQLite
package import FlowWire
import FoundationEssentials
package import Logging

/// Starts runs for signed requests, each delivery once: its id has its record in the ledger, committed together with the run.
///
/// The form is that of Standard Webhooks: HMAC-SHA256 over `id.timestamp.body`, so that none of the three can be another.
package struct HookBook: HookDirectory {
    private static let secretBytes = 32
    private static let secretPrefix = "whsec_"
    private static let toleranceSeconds = 5...3_600
    /// Signatures of one request that are looked at: a sender signs with two while a secret is changed.
    private static let signatures = 5

    private let table: HookTable
    private let ledger: Schedules
    private let engine: Engine
    private let plans: any RunPreparation
    private let stored: StoredInputs
    private let now: @Sendable () -> Instant
    /// Who is who; nil where nobody keeps accounts.
    private let people: @Sendable () -> People?
    private let logger: Logger
    private let refusals = HookRefusals()

    package init(
        store: SQLiteStore, engine: Engine, plans: any RunPreparation, inputs: StoredInputs, now: @escaping @Sendable () -> Instant,
        people: @escaping @Sendable () -> People? = { nil }, logger: Logger
    ) {
        self.people = people
        self.logger = logger
        table = HookTable(store)
        ledger = Schedules(store)
        self.engine = engine
        self.plans = plans
        stored = inputs
        self.now = now
    }

    package func hooks(after name: String?, limit: Int) async throws -> [Wire.Hook] {
        try await table.page(after: name, limit: limit, bytes: APILimits.pageBytes).map { row in
            var hook = Wire.Hook(row)
            hook.fault = fault(of: row)?.message
            return hook
        }
    }

    /// What starts nothing, each with the reason.
    func standstills() async throws -> [Standstills.Item] {
        let people = people()
        var items: [Standstills.Item] = []
        try await table.each { row in
            let reason = RunOwner(user: row.user, person: row.person).reason(people) ?? (isLocked(row) ? HookBook.lockedReason : nil)
            if let reason { items.append(Standstills.Item(.hook, row.name, reason: reason)) }
        }
        return items
    }

    /// Writes what was refused since the last time, until nothing waits: `deliveries` lists it after a restart, too.
    package func keepRefusals() async throws {
        while try await refusals.write(to: table) {}
    }

    package func faults(ofFlow flow: String?) async throws -> [FlowError.Detail] {
        var faults: [FlowError.Detail] = []
        try await table.each { row in
            guard flow == nil || row.spec.flow == flow else { return }
            do {
                if let fault = fault(of: row) { throw fault }
                var spec = row.spec
                spec.inputs = try await stored.opened(spec.inputs, of: spec.flow)
                try await checkParameters(row.name, spec)
            } catch let error as FlowError {
                faults.append(FlowError.Detail(subject: "hook \(row.name)", message: error.inOneLine))
            }
        }
        return faults
    }

    private func fault(of row: HookRow) -> FlowError? {
        RunOwner(user: row.user, person: row.person).fault(people(), what: "hook '\(row.name)'") ?? (isLocked(row) ? HookBook.locked(row) : nil)
    }

    /// Nothing that comes in can be told from a forgery: the key that sealed the hook's own secret is lost, or the secret was changed.
    private func isLocked(_ row: HookRow) -> Bool {
        do {
            _ = try stored.open(row.secret)
            return false
        } catch {
            return true
        }
    }

    private static let lockedReason = "its secret cannot be opened: it was changed, or sealed with a key that is not here"

    private static func locked(_ row: HookRow) -> FlowError {
        FlowError(
            .conflict, subject: row.name,
            "hook '\(row.name)' stands still: \(lockedReason); another secret, with the options that it had: "
                + "flowctl hook add \(row.name) \(row.spec.flow) --new-secret")
    }

    // MARK: - Changing

    package func put(_ name: String, _ spec: HookSpec, newSecret: Bool, by actor: Actor) async throws -> Wire.Hook {
        try HookBook.check(name, spec)
        // Refused now and not when the first request comes: no such flow, no such parameter.
        let known = try await table.hook(named: name)
        try await checkParameters(name, spec)
        var secret: String?
        if newSecret || known == nil { secret = HookBook.secretPrefix + Data(SystemRandom.bytes(HookBook.secretBytes)).base64EncodedString() }
        let sealed = try secret.map(stored.seal) ?? known?.secret ?? ""
        var kept = spec
        kept.inputs = try await stored.sealed(spec.inputs, of: spec.flow, for: "Hook '\(name)'")
        let row = HookRow(name: name, spec: kept, secret: sealed, user: actor.user, person: actor.person, changedAt: now())
        try await table.put(row)
        // A revision of the flow in which more is secret may have come in between.
        try await seal(inputsOf: spec.flow, by: actor)
        var shown = Wire.Hook(row)
        shown.secret = secret
        return shown
    }

    package func seal(inputsOf flow: String, by actor: Actor) async throws {
        guard let names = try await stored.secrets(flow), !names.isEmpty else { return }
        let changed = try await table.seal(inputsOf: flow, by: actor.user, at: now(), stored.sealing(names))
        StoredInputs.tell(changed.map { "hook \($0)" }, flow, logger)
    }

    package func remove(hook name: String, by actor: Actor) async throws {
        guard try await table.remove(name, by: actor, at: now()) else { throw HookBook.unknown(name) }
        refusals.forget(name)
    }

    package func deliveries(of name: String, limit: Int) async throws -> [Wire.Occurrence] {
        let rows = try await ledger.occurrences(of: "hook \(name)", limit: limit)
        if rows.isEmpty, try await table.hook(named: name) == nil { throw HookBook.unknown(name) }
        // What is written while this looks may be seen twice, and nothing is missed.
        let waiting = refusals.waiting(of: name)
        let kept = try await table.refusals(of: name).filter { !waiting.contains($0) }
        let refused = (waiting + kept).prefix(Limits.hookRefusals)
        let all = refused.map { ($0.at, Wire.Occurrence($0)) } + rows.map { ($0.recordedAt, Wire.Occurrence($0)) }
        return all.sorted { $0.0 > $1.0 }.prefix(limit).map(\.1)
    }

    /// Refuses what no request could make good.
    private func checkParameters(_ name: String, _ spec: HookSpec) async throws {
        do {
            let start = Wire.Start(flow: spec.flow, inputs: spec.inputs, limit: spec.limit, labels: spec.labels)
            try await plans.check(start, taken: spec.take.map { Set($0.keys) })
        } catch let error as FlowError where error.code == .inputs {
            throw FlowError(
                .inputs, subject: name, "Hook '\(name)' was not taken: its inputs are not acceptable.", hint: error.hint, errors: error.errors)
        } catch let error as FlowError {
            throw error.saying("Hook '\(name)' was not taken")
        }
    }

    private static func check(_ name: String, _ spec: HookSpec) throws(FlowError) {
        let isPlain = name.utf8.allSatisfy { (0x30...0x39).contains($0) || (0x61...0x7A).contains($0) || [0x2D, 0x2E, 0x5F].contains($0) }
        guard isPlain, (1...100).contains(name.utf8.count) else {
            throw FlowError(.usage, subject: name, "'\(name)' is no name for a hook: 1-100 of a-z, 0-9, '-', '_' and '.'.")
        }
        guard toleranceSeconds.contains(spec.toleranceSeconds ?? HookSpec.toleranceUnlessGiven) else {
            let allowed = "\(toleranceSeconds.lowerBound)-\(toleranceSeconds.upperBound)"
            throw FlowError(.usage, subject: name, "Hook '\(name)' was not taken: its tolerance must be \(allowed) seconds.")
        }
        try RunLabels.check(spec.labels, "Hook '\(name)' was not taken")
        try StoredSize.check(spec, name, "Hook '\(name)'")
        for (parameter, pointer) in spec.take ?? [:] where !(pointer.isEmpty || pointer.hasPrefix("/")) || pointer.utf8.count > Limits.textBytes {
            throw FlowError(.usage, subject: parameter, "Hook '\(name)' was not taken: '\(pointer)' is no JSON pointer such as /release/tag.")
        }
    }

    private static func unknown(_ name: String) -> FlowError {
        FlowError(.notFound, subject: name, "There is no hook '\(name)'.", hint: "flowctl hook list")
    }

    // MARK: - Deliveries

    package func deliver(_ delivery: HookDelivery, to name: String) async throws -> Wire.Delivered {
        guard let hook = try await table.hook(named: name) else { throw HookBook.refusal }
        do {
            return try await start(delivery, of: hook)
        } catch let fault as Ungenuine {
            refusals.note(delivery, to: name, at: now(), fault.reason)
            throw HookBook.refusal
        } catch let error as FlowError {
            refusals.note(delivery, to: name, at: now(), error.inOneLine)
            throw error
        }
    }

    private func start(_ delivery: HookDelivery, of hook: HookRow) async throws -> Wire.Delivered {
        let (arrived, name) = (now(), hook.name)
        if isLocked(hook) {
            throw FlowError(.conflict, subject: name, "Nothing was started: hook '\(name)' stands still: \(HookBook.lockedReason).")
        }
        let sent = try moment(delivery, hook)
        if let fault = fault(of: hook) {
            throw FlowError(
                fault.code, subject: name, "Nothing was started: \(fault.message).",
                hint: "somebody who may: flowctl hook add \(name) \(hook.spec.flow)")
        }
        let body = try HookBook.json(delivery.body)
        var spec = hook.spec
        spec.inputs = try await stored.opened(spec.inputs, of: spec.flow)
        let start = Wire.Start(
            flow: hook.spec.flow, inputs: try HookBook.inputs(from: body, spec), limit: hook.spec.limit,
            labels: (hook.spec.labels ?? [:]).merging(["hook": name]) { _, own in own })
        let content: JSON = ["hook": .string(name), "delivery": .string(delivery.id), "body": body]
        let request = try await plans.prepare(start, key: StartRequest.ownKey("hook", name, delivery.id), content: content)
        let row = OccurrenceRow(
            schedule: hook.ledger, nominal: delivery.id, at: sent, wall: 0, revision: 1, state: .run, recordedAt: arrived)
        let actor = Actor(person: hook.person, user: hook.user, names: [hook.user], roles: [])
        let recorded = try await engine.record([OccurrenceRequest(row: row, start: request, actor: actor, isOneMessage: true)])
        guard let record = recorded.first, let run = record.run else {
            throw FlowError(.conflict, subject: delivery.id, "Nothing was started: \(recorded.first?.detail ?? "the delivery was refused").")
        }
        return Wire.Delivered(run: run, isNew: record.recordedAt >= arrived)
    }

    /// Why a request is not taken for one of the hook's sender. Whoever sent it is not told; `deliveries` shows it.
    private struct Ungenuine: Error {
        var reason: String
    }

    /// When it was sent, if it is genuine and of now.
    private func moment(_ delivery: HookDelivery, _ hook: HookRow) throws -> Instant {
        let isPlain = delivery.id.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: ".") }
        guard isPlain, (1...Limits.hookDeliveryIDBytes).contains(delivery.id.utf8.count), let seconds = Int64(delivery.timestamp), seconds > 0,
            seconds < 1 << 40
        else {
            throw Ungenuine(reason: "form: 'webhook-id' or 'webhook-timestamp' is missing or malformed")
        }
        let sent = Instant(milliseconds: seconds * 1_000)
        let tolerance = Double(hook.spec.toleranceSeconds ?? HookSpec.toleranceUnlessGiven)
        let age = now().seconds(since: sent)
        guard abs(age) <= tolerance else {
            throw Ungenuine(
                reason:
                    "age: sent \(Int(abs(age).rounded())) s \(age < 0 ? "after" : "before") it came, by the two clocks; \(Int(tolerance)) s are allowed"
            )
        }
        guard let key = Data(base64Encoded: String(try stored.open(hook.secret).dropFirst(HookBook.secretPrefix.count))) else {
            throw FlowError(.internal, subject: hook.name, "Nothing was started: the secret of hook '\(hook.name)' is not in base64.")
        }
        let signed = Array("\(delivery.id).\(delivery.timestamp).".utf8) + delivery.body
        for signature in delivery.signatures.split(separator: " ").prefix(HookBook.signatures) where signature.hasPrefix("v1,") {
            guard let code = Data(base64Encoded: String(signature.dropFirst(3))) else { continue }
            // In constant time.
            if HMAC.sha256.isCode(Array(code), of: signed, key: Array(key)) { return sent }
        }
        let what =
            delivery.signatures.contains("v1,")
            ? "it is not that of the hook's secret over id, timestamp and body" : "there is none of form 'v1,BASE64'"
        throw Ungenuine(reason: "signature: \(what)")
    }

    private static let refusal = FlowError(
        .unauthenticated, subject: "hook",
        "Nothing was started: there is no such hook, or the request is not signed with its secret, or its timestamp is too far from now.")

    private static func json(_ bytes: [UInt8]) throws(FlowError) -> JSON {
        guard !bytes.isEmpty else { return [:] }
        do {
            return try JSON.parse(bytes)
        } catch {
            throw FlowError(.usage, subject: "body", "Nothing was started: the request's body is not acceptable JSON: \(error).")
        }
    }

    /// What the hook says comes last: no request overrides it.
    private static func inputs(from body: JSON, _ spec: HookSpec) throws(FlowError) -> [String: JSON] {
        let fixed = spec.inputs ?? [:]
        guard let take = spec.take else {
            guard let members = body.objectValue else {
                throw FlowError(.usage, subject: "body", "Nothing was started: the request's body is not an object of inputs.")
            }
            return members.merging(fixed) { _, own in own }
        }
        var inputs = fixed
        for (parameter, pointer) in take where fixed[parameter] == nil {
            // The default of a parameter is not what the sender meant: a "ping" of theirs would deploy it.
            guard let value = body.value(at: pointer) else {
                throw FlowError(
                    .usage, subject: parameter,
                    "Nothing was started: the body has no value at '\(pointer)', from where the hook takes the input '\(parameter)'.")
            }
            inputs[parameter] = value
        }
        return inputs
    }
}

extension JSON {
    /// What a JSON pointer (RFC 6901) leads to; nil when there is nothing, or null.
    fileprivate func value(at pointer: String) -> JSON? {
        var value = self
        for part in pointer.split(separator: "/", omittingEmptySubsequences: false).dropFirst() {
            let key = String(part).replacing("~1", with: "/").replacing("~0", with: "~")
            if let next = value[key] {
                value = next
            } else if let list = value.arrayValue, let index = Int(key), list.indices.contains(index) {
                value = list[index]
            } else {
                return nil
            }
        }
        return value == .null ? nil : value
    }
}

extension Wire.Hook {
    fileprivate init(_ row: HookRow) {
        var spec = row.spec
        spec.inputs = StoredInputs.shown(spec.inputs)
        self.init(name: row.name, spec: spec, changedAt: row.changedAt, changedBy: row.user)
    }
}
