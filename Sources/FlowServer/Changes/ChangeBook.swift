import FlowAPI
import FlowEngine
import FlowModel
import FlowSchedules
import FlowStoreSQLite
import FlowWire
import Logging

/// Keeps freezes and windows, works them out for the gate, and wakes the runs that wait for them.
actor ChangeBook: ChangeRuleDirectory {
    /// Runs that are woken in one go.
    private static let page = 500

    private let table: ChangeRuleTable
    private let reader: any JournalReader
    private let zones: ZoneFiles
    private let gate: ChangeGate
    /// The names of the hosts of a selector, as the inventory has them now.
    private let hosts: @Sendable (String) async throws -> [String]
    private let now: @Sendable () -> Instant
    private let logger: Logger
    private var engine: Engine?
    private var rows: [ChangeRuleRow] = []
    private var rules: [ChangeRule] = []
    private var faults: [String: String] = [:]

    init(
        store: SQLiteStore, zones: ZoneFiles, gate: ChangeGate, hosts: @escaping @Sendable (String) async throws -> [String],
        now: @escaping @Sendable () -> Instant, logger: Logger
    ) {
        table = ChangeRuleTable(store)
        reader = store
        self.zones = zones
        self.gate = gate
        self.hosts = hosts
        self.now = now
        self.logger = logger
    }

    /// From here on runs are woken. What changed while nobody could be is looked at now.
    func connect(_ engine: Engine) async throws {
        self.engine = engine
        try await wake()
    }

    // MARK: - Working out

    /// Reads the rules and resolves their selectors again. The gate has them when this returns.
    func refresh() async throws {
        let rows = try await table.all()
        var rules: [ChangeRule] = []
        var faults: [String: String] = [:]
        for row in rows {
            let (rule, fault) = await worked(out: row)
            rules.append(rule)
            if let fault { faults["\(row.kind.rawValue) \(row.name)"] = fault }
        }
        for (name, fault) in faults where self.faults[name] != fault {
            logger.error("a change rule holds everything that it names", metadata: ["rule": "\(name)", "error": "\(fault)"])
        }
        (self.rows, self.rules, self.faults) = (rows, rules, faults)
        if gate.set(ChangeRules(rules)) { try await wake() }
    }

    /// What cannot be worked out holds: a freeze lasts, a window stays closed, a selector means every host.
    private func worked(out row: ChangeRuleRow) async -> (ChangeRule, fault: String?) {
        var fault: String?
        var names: Set<String>?
        if let selector = row.spec.hosts {
            do { names = Set(try await hosts(selector)) } catch { fault = ChangeBook.words(error) }
        }
        do {
            return (try ChangeRule(row, hosts: names, zone: zones.zone), fault)
        } catch {
            return (ChangeRule(holding: row, hosts: names), error.message)
        }
    }

    private static func words(_ error: any Error) -> String { (error as? FlowError)?.message ?? "\(error)" }

    /// Lets every run that waits at a gate look again.
    private func wake() async throws {
        guard let engine else { return }
        // What was decided by the old rules is found below.
        try await engine.settle()
        var after: RunID?
        while true {
            let runs = try await reader.runsAtGates(after: after, limit: ChangeBook.page)
            engine.lookAtGates(of: runs)
            guard runs.count == ChangeBook.page, let last = runs.last else { return }
            after = last
        }
    }

    // MARK: - The routes

    func rules(_ kind: ChangeRuleKind) async throws -> [Wire.ChangeRule] {
        zip(rows, rules).filter { $0.0.kind == kind }.map { row, rule in shown(row, rule) }
    }

    func put(_ kind: ChangeRuleKind, _ name: String, _ spec: ChangeRuleSpec, by actor: Actor) async throws -> Wire.ChangeRule {
        try ChangeBook.check(kind, name, spec)
        try StoredSize.check(spec, name, "The \(kind.rawValue) '\(name)'")
        let now = now()
        var draft = ChangeRuleRow(kind: kind, name: name, revision: 0, spec: spec, user: actor.user, changedAt: now)
        let names = try await spec.hosts.asyncMap { Set(try await hosts($0)) }
        let rule = try ChangeRule(draft, hosts: names, zone: zones.zone)
        guard !rule.isOver(at: now) else {
            throw FlowError(.usage, subject: name, "The \(kind.rawValue) '\(name)' was not taken: it is over and does not come again.")
        }
        draft = try await table.put(kind, name, spec, by: actor, at: now)
        try await refresh()
        return shown(draft, try ChangeRule(draft, hosts: names, zone: zones.zone))
    }

    func remove(_ kind: ChangeRuleKind, _ name: String, by actor: Actor) async throws {
        guard try await table.remove(kind, name, by: actor, at: now()) else {
            throw FlowError(.notFound, subject: name, "There is no \(kind.rawValue) '\(name)'.", hint: "flowctl \(kind.rawValue) list")
        }
        try await refresh()
    }

    func breakGlass(_ run: RunRow, _ request: Wire.BreakGlass, by actor: Actor) async throws -> RunRow {
        guard let engine else { throw FlowError(.overloaded, subject: run.id.text, "The engine starts; try again in a second.") }
        return try await engine.perform(.breakGlass(request.step), on: run.id, by: actor, message: request.message)
    }

    // MARK: -

    private func shown(_ row: ChangeRuleRow, _ rule: ChangeRule) -> Wire.ChangeRule {
        let stretch = rule.stretch(at: now())
        return Wire.ChangeRule(
            kind: row.kind, name: row.name, revision: row.revision, spec: row.spec, changedAt: row.changedAt, changedBy: row.user,
            isOn: stretch.isWithin, untilAt: stretch.isWithin ? stretch.until : nil, nextAt: stretch.isWithin ? nil : stretch.until,
            fault: faults["\(row.kind.rawValue) \(row.name)"])
    }

    private static func check(_ kind: ChangeRuleKind, _ name: String, _ spec: ChangeRuleSpec) throws(FlowError) {
        let isPlain = name.utf8.allSatisfy { (0x30...0x39).contains($0) || (0x61...0x7A).contains($0) || [0x2D, 0x2E, 0x5F].contains($0) }
        guard isPlain, (1...100).contains(name.utf8.count) else {
            throw FlowError(.usage, subject: name, "'\(name)' is no name for a \(kind.rawValue): 1-100 of a-z, 0-9, '-', '_' and '.'.")
        }
        guard !spec.reason.isEmpty, spec.reason.utf8.count <= Limits.textBytes, !SealedText.isPresent(in: spec.reason) else {
            throw FlowError(.usage, subject: "reason", "The \(kind.rawValue) was not taken: give a reason of 1-\(Limits.textBytes) bytes.")
        }
        let texts = (spec.flows ?? []) + (spec.labels ?? [:]).flatMap { [$0.key, $0.value] } + [spec.hosts ?? ""]
        guard (spec.flows ?? []).count <= Limits.changeRuleNames, (spec.labels ?? [:]).count <= Limits.changeRuleNames,
            texts.allSatisfy({ $0.utf8.count <= Limits.textBytes })
        else {
            throw FlowError(
                .usage, subject: name, "The \(kind.rawValue) was not taken: it names more than \(Limits.changeRuleNames) flows or labels.")
        }
    }
}

extension Optional {
    fileprivate func asyncMap<Result>(_ transform: (Wrapped) async throws -> Result) async rethrows -> Result? {
        guard let value = self else { return nil }
        return try await transform(value)
    }
}
