import FlowEngine
import FlowModel
import FlowWire
import HTTPTypes
import Hummingbird

enum RunHandlers {
    /// `POST /v1/runs`. The answer follows the commit: 201 for a new run, 200 for the one that the key had started before.
    static func start(_ call: Call) async throws -> Response {
        let key = try call.idempotencyKey()
        let content = try await call.json()
        let start = try StrictDecoder.decode(Wire.Start.self, from: content)
        try RunLabels.check(start.labels, "Nothing was started")
        try checkSource(start)
        if start.flow == nil { try call.demand(.author, to: "run a plan or command that is not registered") }
        let request = try await call.api.preparation.prepare(start, key: key, content: content)
        let receipt = try await call.api.engine.start(request, by: call.actor)
        guard let row = try await row(of: receipt, call) else { throw FlowError.noRun(receipt.run.text) }
        let status: HTTPResponse.Status = receipt.isNew ? .created : .ok
        return try Answer.json(Wire.Run(row), status: status, headers: [.location: "/v1/runs/\(receipt.run)"])
    }

    private static func row(of receipt: StartReceipt, _ call: Call) async throws -> RunRow? {
        if let row = receipt.row { return row }
        return try await call.api.reader.run(receipt.run)
    }

    static func plan(_ call: Call) async throws -> Response {
        let start = try await call.body(Wire.Start.self)
        try RunLabels.check(start.labels, "Nothing was planned")
        try checkSource(start)
        var preview = try await call.api.preparation.preview(start)
        let people = try await Approvers.known(call.api)
        preview.approvers = people.byRule(in: preview.plan, without: call.actor.person)
        let shut = people.gatesForNobody(in: preview.plan, without: call.actor.person)
        if !shut.isEmpty { preview.problems = (preview.problems ?? []) + shut }
        return try Answer.json(preview)
    }

    static func list(_ call: Call) async throws -> Response {
        let limit = try call.pageSize()
        var query = RunQuery(limit: limit + 1, inputsUpTo: APILimits.listedInputBytes)
        query.states = try states(call)
        query.flow = try call.query("flow")
        if let text = try call.query("where") { try RunFilter.apply(text, to: &query) }
        for label in try call.queries("label") {
            let parts = label.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            guard parts.count == 2 else {
                throw FlowError(.usage, subject: "label", "A label is given as key=value, found '\(label)'.")
            }
            try RunFilter.add(parts[0], parts[1], to: &query)
        }
        if let after = try call.query("after") {
            guard let id = RunID(after) else {
                throw FlowError(
                    .usage, subject: "after", "'after' is the id of the last run of the page before, found '\(after)'.")
            }
            query.before = id
        }
        let rows = try await call.api.reader.runs(query)
        let shown = rows.prefix(limit).map { Wire.Run(call.api.engine.shown($0)) }
        return try Answer.page(shown, hasMore: rows.count > limit) { shown[$0].id.text }
    }

    static func show(_ call: Call) async throws -> Response {
        let row = try await call.wholeRun()
        let page = try await StepHandlers.page(of: row.id, after: nil, limit: APILimits.stepsShown, call.api)
        return try Answer.json(Wire.Run(row, steps: page.items, next: page.next))
    }

    /// The plan that a run follows, as it was when it started, with the inputs and hosts of now.
    static func startedPlan(_ call: Call) async throws -> Response {
        let row = try await call.wholeRun()
        let (created, plan) = try await content(of: row, call)
        var preview = Wire.Preview(
            flow: created.flow, revision: created.revision, plan: plan, inputs: SealedText.redacted(row.inputs),
            targets: created.targets.mapValues { $0.map(\.name) })
        preview.binary = created.binary
        preview.registered = created.isRegistered
        return try Answer.json(preview)
    }

    /// How a run began, with its inputs and hosts as they are now, and the plan that it follows.
    static func content(of row: RunRow, _ call: Call) async throws -> (Created, Plan) {
        let created = try await call.api.engine.folds(from: call.api.reader).content(of: row.id)
        guard let created, let bytes = try await call.api.reader.blob(created.plan) else {
            throw FlowError(
                .database, subject: row.id.text, "The plan of run \(row.id) is not in the database.", hint: "flowctl doctor")
        }
        return (created, try Plan(stored: try JSON.parse(bytes, maxDepth: Limits.planDepth)))
    }

    private static func states(_ call: Call) throws(FlowError) -> Set<RunState> {
        var states: Set<RunState> = []
        for list in try call.queries("state") {
            for name in list.split(separator: ",") {
                guard let state = RunState(rawValue: String(name)) else {
                    let known = RunState.allCases.map(\.rawValue).joined(separator: ", ")
                    throw FlowError(.usage, subject: "state", "There is no run state '\(name)'. States: \(known).")
                }
                states.insert(state)
            }
        }
        return states
    }

    private static func checkSource(_ start: Wire.Start) throws(FlowError) {
        let given = [start.flow != nil, start.plan != nil, start.planDigest != nil, start.exec != nil].filter { $0 }.count
        guard given == 1 else {
            throw FlowError(
                .usage, subject: "flow",
                "Nothing was started: give exactly one of 'flow', 'plan', 'planDigest' and 'exec'; \(given) are given.")
        }
        // Left out in silence, somebody would believe that it runs.
        if start.binary != nil, start.plan == nil, start.planDigest == nil {
            throw FlowError(
                .usage, subject: "binary", "Nothing was started: 'binary' goes with 'plan' or 'planDigest'; a flow has its own, and 'exec' none.")
        }
    }
}
