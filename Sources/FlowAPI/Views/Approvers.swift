import FlowEngine
import FlowModel
import FlowWire

/// Everybody who has an account, to say who could open a gate.
struct Approvers: Sendable {
    /// Those who may vote at all.
    private let people: [Wire.User]
    /// nil where nobody keeps accounts.
    private let links: People?

    static func known(_ api: API) async throws -> Approvers {
        // A vote takes a built-in role: a free group alone admits to a gate, and to no route.
        let people = try await api.identities.users().filter { Role.strongest(in: $0.roles) != nil }
        return Approvers(people: people, links: api.identities.people)
    }

    /// What the gate lacks, with those who could give it.
    func missing(in row: ApprovalRow) -> [[Wire.Missing]] {
        var out = Set(row.votes.filter { $0.voided == nil }.flatMap { [$0.person, $0.delegation?.person].compactMap { $0 } })
        if !row.terms.selfApproval {
            if let requester = row.terms.requester { out.insert(requester) }
            let users = (row.terms.shapers ?? []).map(\.user)
            out.formUnion(people.filter { user in user.names.contains { isOne($0, of: users, row) } }.map(\.person))
        }
        return row.seating.missing.prefix(Limits.approvalWays).map { way in
            way.map { Wire.Missing(rule: Wire.Rule($0.rule), count: $0.count, candidates: candidates(for: $0.rule, without: out)) }
        }
    }

    private func isOne(_ name: String, of users: [String], _ row: ApprovalRow) -> Bool {
        // Every link that was ever made, where the run's beginning is not known.
        let begun = row.terms.shapedSince ?? Instant(milliseconds: .min)
        return users.contains { $0 == name || links?.areOne($0, name, inRunBegun: begun) ?? false }
    }

    /// Who could give what the plan's gates ask for, by rule without parts.
    func byRule(in plan: Plan, without person: String) -> [String: [String]]? {
        var found: [String: [String]] = [:]
        for case .approval(let spec) in plan.withCalls.flatMap(\.nodes).map(\.kind) {
            let rules = spec.rules + spec.escalations.flatMap(\.rules)
            for rule in rules.flatMap(\.leaves) where found[rule.who] == nil {
                found[rule.who] = candidates(for: rule, without: spec.selfApproval ? [] : [person])
            }
        }
        return found.isEmpty ? nil : found
    }

    /// The gates that stay shut although everybody who may has approved.
    func gatesForNobody(in plan: Plan, without person: String) -> [FlowError.Detail] {
        var found: [FlowError.Detail] = []
        for plan in plan.withCalls {
            for node in plan.nodes {
                guard case .approval(let spec) = node.kind, spec.escalations.isEmpty, spec.deadlineSeconds == nil || spec.onDeadline != .approve
                else { continue }
                let votes = people.filter { spec.selfApproval || $0.person != person }.map { user in
                    ApprovalRow.Vote(
                        user: user.person, person: user.person, names: user.names, roles: user.roles, decision: .approved, comment: nil,
                        at: Instant(milliseconds: 0))
                }
                guard let missing = Seating(spec.rules, votes, isDistinct: spec.isDistinct).missing.first, !missing.isEmpty else { continue }
                let words = missing.map { "\($0.count) more of \($0.rule.who)" }.joined(separator: " and ")
                found.append(
                    FlowError.Detail(subject: node.id, message: "nobody could open the gate as things are: it takes \(words) than there are"))
            }
        }
        return Array(found.prefix(Limits.plannedShown))
    }

    /// nil where it is everybody.
    private func candidates(for rule: ApprovalRule, without out: Set<String>) -> [String]? {
        if case .anyone = rule { return nil }
        let found = people.filter { !out.contains($0.person) && rule.admits(names: $0.names, roles: $0.roles) }
        return found.prefix(Wire.Missing.shown).map { $0.names.first ?? $0.person }
    }
}

/// What a step that waits for people waits for, in words.
enum GateReasons {
    static func fill(_ steps: inout [Wire.Step], of run: RunID, _ api: API) async throws {
        guard steps.contains(where: { $0.waitingFor?.kind == .approval && $0.reason == nil }) else { return }
        let reasons = try await reasons(of: run, api)
        for index in steps.indices where steps[index].waitingFor?.kind == .approval && steps[index].reason == nil {
            steps[index].reason = reasons[steps[index].path]
        }
    }

    static func fill(_ waits: inout [Wire.Wait], of run: RunID, _ api: API) async throws {
        guard waits.contains(where: { $0.kind == .approval && $0.reason == nil }) else { return }
        let reasons = try await reasons(of: run, api)
        for index in waits.indices where waits[index].kind == .approval && waits[index].reason == nil {
            waits[index].reason = waits[index].step.flatMap { reasons[$0] }
        }
    }

    private static func reasons(of run: RunID, _ api: API) async throws -> [StepPath: String] {
        let rows = try await api.reader.approvals(state: .open, run: run, limit: APILimits.maxPage)
        let people = try await Approvers.known(api)
        return Dictionary(
            rows.map { ($0.step, "\(redacted($0.prompt).cut(toBytes: APILimits.eventValueBytes)) — \(Wire.Approval($0, people).standing)") }
        ) { first, _ in first }
    }
}
