import FlowEngine
import FlowModel
import FlowWire
import Hummingbird

enum ApprovalHandlers {
    static func list(_ call: Call) async throws -> Response {
        let state = try state(call)
        let text = try call.query("run")
        var run: RunID?
        if let text { run = try await call.run(named: text).id }
        let after = try place(call)
        let people = try await Approvers.known(call.api)
        // Some at a time: what they ask may be long.
        return try await Answer.page(limit: try call.pageSize(), key: { $0.place.description }) { (last: Listed?, limit) in
            try await call.api.reader.approvals(
                state: state, run: run, after: last?.place ?? after, limit: min(limit, APILimits.approvalsAtOnce)
            ).map { Listed(place: $0.place, approval: try Wire.Approval($0, people).listed()) }
        }
    }

    /// An approval as lists show it, and where it stands in them.
    private struct Listed: Encodable, Sendable {
        var place: ApprovalRow.Place
        var approval: Wire.Approval

        func encode(to encoder: any Encoder) throws { try approval.encode(to: encoder) }
    }

    private static func place(_ call: Call) throws(FlowError) -> ApprovalRow.Place? {
        guard let text = try call.query("after") else { return nil }
        guard let place = ApprovalRow.Place(text) else {
            throw FlowError(.usage, subject: "after", "Nothing was listed: 'after' is '\(text)', it must be the 'next' of the page before.")
        }
        return place
    }

    static func show(_ call: Call) async throws -> Response {
        try Answer.json(Wire.Approval(try await approval(call), try await Approvers.known(call.api)))
    }

    /// Votes for the caller. Who may, and what a vote binds, is the engine's rule; none of it is repeated here.
    static func decide(_ call: Call) async throws -> Response {
        let body = try await call.body(Wire.Decision.self)
        try CommandHandlers.checkText(body.comment, "comment")
        let row = try await approval(call)
        let ballot = Ballot(fields: body.fields ?? [:], onBehalfOf: body.onBehalfOf)
        let command = RunCommand.vote(row.step, body.decision, digest: body.digest, ballot: ballot)
        _ = try await call.api.engine.perform(command, on: row.run, by: call.actor, message: body.comment)
        return try Answer.json(Wire.Approval(try await approval(call), try await Approvers.known(call.api)))
    }

    // MARK: - Delegations

    static func delegations(_ call: Call) async throws -> Response {
        try Answer.page(ofAll: try await call.api.identities.delegations(), call, key: \.id)
    }

    /// Lends a right of the caller's own; that of others takes an admin, who stands in the audit trail.
    static func delegate(_ call: Call) async throws -> Response {
        let body = try await call.body(Wire.DelegationRequest.self)
        try CommandHandlers.checkText(body.message, "message")
        if let from = body.from, from != call.actor.user, !call.actor.names.contains(from) {
            try call.demand(.admin, to: "lend a right of \(from)")
        }
        return try Answer.json(try await call.api.identities.delegate(body, by: call.actor), status: .created)
    }

    static func revokeDelegation(_ call: Call) async throws -> Response {
        let id = call.parameter("id")
        guard let lent = try await call.api.identities.delegations().first(where: { $0.id == id }) else {
            throw FlowError(.notFound, subject: id, "There is no delegation '\(id)'.", hint: "flowctl approval delegations")
        }
        if !call.actor.names.contains(lent.from) { try call.demand(.admin, to: "revoke a delegation of \(lent.from)") }
        try await call.api.identities.revokeDelegation(id, by: call.actor)
        return Answer.nothing()
    }

    private static func approval(_ call: Call) async throws -> ApprovalRow {
        let id = call.parameter("id")
        guard let parts = ApprovalRow.ID(id), let row = try await call.api.reader.approval(parts) else { throw noApproval(id) }
        return row
    }

    private static func noApproval(_ id: String) -> FlowError {
        FlowError(
            .notFound, subject: id, "There is no approval '\(id)'. An id has the form RUN:STEP:GENERATION.",
            hint: "flowctl approvals")
    }

    private static func state(_ call: Call) throws(FlowError) -> ApprovalRow.State? {
        guard let text = try call.query("state") else { return .open }
        if text == "all" { return nil }
        guard let state = ApprovalRow.State(rawValue: text) else {
            let known = (ApprovalRow.State.allCases.map(\.rawValue) + ["all"]).joined(separator: ", ")
            throw FlowError(.usage, subject: "state", "There is no approval state '\(text)'. States: \(known).")
        }
        return state
    }
}
