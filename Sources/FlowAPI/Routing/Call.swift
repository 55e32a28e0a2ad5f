package import FlowEngine
package import FlowModel
import HTTPTypes
package import Hummingbird
package import Logging
package import NIOCore

/// Everything that the edge works with; made once by the composition root.
package struct API: Sendable {
    package var engine: Engine
    package var reader: any JournalReader
    package var identities: any Identities
    package var catalogue: any FlowCatalogue
    package var preparation: any RunPreparation
    package var hosts: any HostDirectory
    package var schedules: any ScheduleDirectory
    package var hooks: any HookDirectory
    package var changeRules: any ChangeRuleDirectory
    package var blobs: any BlobVault
    package var outputs: any OutputReader
    package var caretaker: any Caretaker
    package var hub: ChangeHub
    package var meters: Meters
    package var now: @Sendable () -> Instant
    package var logger: Logger
    /// Whether it serves until it is told to stop.
    package var isService: Bool

    package init(
        engine: Engine, reader: any JournalReader, identities: any Identities, catalogue: any FlowCatalogue,
        preparation: any RunPreparation, hosts: any HostDirectory, schedules: any ScheduleDirectory,
        hooks: any HookDirectory, changeRules: any ChangeRuleDirectory, blobs: any BlobVault, outputs: any OutputReader,
        caretaker: any Caretaker, hub: ChangeHub, meters: Meters, now: @escaping @Sendable () -> Instant, logger: Logger,
        isService: Bool = false
    ) {
        self.isService = isService
        self.engine = engine
        self.reader = reader
        self.identities = identities
        self.catalogue = catalogue
        self.preparation = preparation
        self.hosts = hosts
        self.schedules = schedules
        self.hooks = hooks
        self.changeRules = changeRules
        self.blobs = blobs
        self.outputs = outputs
        self.caretaker = caretaker
        self.hub = hub
        self.meters = meters
        self.now = now
        self.logger = logger
    }
}

/// The version of Flow that this edge says it is.
package let flowVersion = "0.1.0"

/// One request, after it was let in.
package struct Call: Sendable {
    package let api: API
    package let request: Request
    package let channel: any Channel
    package let route: Route
    /// The decoded segments of the path, by name.
    package let parameters: [String: String]
    private let asker: Actor?
    private let door: Door

    init(
        api: API, request: Request, channel: any Channel, route: Route, parameters: [String: String], asker: Actor?, door: Door
    ) {
        self.api = api
        self.request = request
        self.channel = channel
        self.route = route
        self.parameters = parameters
        self.asker = asker
        self.door = door
    }

    /// Who asks. Only routes that are open to anyone have nobody.
    package var actor: Actor {
        guard let asker else { preconditionFailure("\(route.verb) is open to anyone and must not ask for an actor") }
        return asker
    }

    /// Finds out once more whether the caller may, for an answer that goes on for long.
    func readmit() async throws { _ = try await door.admit(request, channel: channel, to: route) }

    /// The role that decides what the caller may do beyond the route's own access rule.
    package var role: Role? { asker.flatMap { Role.strongest(in: $0.roles) } }

    /// Refuses unless the caller has at least `role`; `what` completes "… may not".
    package func demand(_ role: Role, to what: String) throws(FlowError) {
        guard let own = self.role, own >= role else {
            throw .forbidden(actor, "may not \(what): that takes the role \(role.rawValue)")
        }
    }

    package func parameter(_ name: String) -> String {
        guard let value = parameters[name] else { preconditionFailure("\(route.path) has no parameter '\(name)'") }
        return value
    }

    // MARK: - Query

    /// Refuses parameters that the route does not have: with a misspelt filter the answer would be everything. What needs no credential takes any:
    /// load balancers and senders of hooks add their own.
    func refuseUnknownQuery() throws(FlowError) {
        guard asker != nil, let text = request.uri.query else { return }
        let known = route.contract.query.map(\.name)
        for pair in text.split(separator: "&", omittingEmptySubsequences: true) {
            let raw = pair.prefix { $0 != "=" }
            guard let name = PercentCoding.decode(raw, plusIsSpace: true) else { throw .badQuery(String(raw)) }
            guard known.contains(name) else { throw .unknownQuery(name, known: known) }
        }
    }

    package func query(_ name: String) throws(FlowError) -> String? {
        try queries(name).last
    }

    package func queries(_ name: String) throws(FlowError) -> [String] {
        guard let text = request.uri.query else { return [] }
        var values: [String] = []
        for pair in text.split(separator: "&", omittingEmptySubsequences: true) {
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard let key = PercentCoding.decode(parts[0], plusIsSpace: true) else { throw .badQuery(String(parts[0])) }
            guard key == name else { continue }
            let raw = parts.count == 2 ? parts[1] : ""
            guard let value = PercentCoding.decode(raw, plusIsSpace: true) else { throw .badQuery(name) }
            values.append(value)
        }
        return values
    }

    package func integer(_ name: String, in range: ClosedRange<Int>, unless fallback: Int) throws(FlowError) -> Int {
        guard let text = try query(name) else { return fallback }
        guard let value = Int(text), range.contains(value) else {
            throw FlowError(
                .usage, subject: name,
                "Nothing was done: '\(name)' is '\(text)', it must be a number from \(range.lowerBound) to \(range.upperBound)."
            )
        }
        return value
    }

    /// The place in a list that a page begins behind: `next` of the page before, which is never beyond what a list can have. nil without one.
    package func position(_ name: String) throws(FlowError) -> Int? {
        guard let text = try query(name) else { return nil }
        guard let value = Int(text), (0...APILimits.listPosition).contains(value) else {
            throw FlowError(
                .usage, subject: name,
                "Nothing was done: '\(name)' is '\(text)', it must be `next` of the page before: a number from 0 to \(APILimits.listPosition).")
        }
        return value
    }

    package func flag(_ name: String) throws(FlowError) -> Bool {
        switch try query(name) {
        case nil, "false": return false
        case "true", "": return true
        case .some(let text):
            throw FlowError(.usage, subject: name, "Nothing was done: '\(name)' is '\(text)', it must be true or false.")
        }
    }

    /// `limit` of a list.
    package func pageSize() throws(FlowError) -> Int {
        try integer("limit", in: 1...APILimits.maxPage, unless: APILimits.page)
    }

    /// `limit` of a list of what people have made: as much as a page holds unless given.
    package func fullPageSize() throws(FlowError) -> Int {
        try integer("limit", in: 1...APILimits.maxPage, unless: APILimits.maxPage)
    }

    /// The header `Idempotency-Key`, if there is one.
    package func idempotencyKey() throws(FlowError) -> String? {
        guard let key = request.headers[.idempotencyKey] else { return nil }
        guard (1...APILimits.keyBytes).contains(key.utf8.count), key.utf8.allSatisfy({ (0x20..<0x7F).contains($0) }) else {
            throw FlowError(
                .usage, subject: "Idempotency-Key",
                "Nothing was done: the key must have 1 to \(APILimits.keyBytes) printable ASCII characters.")
        }
        return key
    }

    // MARK: - Runs

    /// The run that `{id}` or another text names: its id, or the start of it that no other run has. Without large inputs: few need them.
    package func run(named text: String? = nil) async throws -> RunRow {
        try await run(named: text) { try await api.reader.run($0, inputsUpTo: APILimits.listedInputBytes) }
    }

    /// The same with all its inputs.
    package func wholeRun() async throws -> RunRow { try await run(named: nil) { try await api.reader.run($0) } }

    private func run(named text: String?, _ read: (RunID) async throws -> RunRow?) async throws -> RunRow {
        let text = (text ?? parameter("id")).lowercased()
        if let id = RunID(text) {
            if let row = try await read(id) { return api.engine.shown(row) }
            throw FlowError.noRun(text)
        }
        let isPrefix = text.utf8.count >= 4 && text.utf8.allSatisfy { "0123456789abcdef-".utf8.contains($0) }
        let matches = isPrefix ? try await api.reader.runIDs(startingWith: text) : []
        guard let id = matches.first, let row = try await read(id) else { throw FlowError.noRun(text) }
        guard matches.count == 1 else {
            throw FlowError(
                .usage, subject: text, "Nothing was done: more than one run's id starts with '\(text)'.",
                hint: "flowctl list")
        }
        return api.engine.shown(row)
    }

    /// The step that `{path}` names, in a run.
    package func step(of run: RunID) async throws -> StepRow {
        let path = StepPath(parameter("path"))
        guard let row = try await api.reader.step(of: run, at: path) else {
            throw FlowError(
                .notFound, subject: path.text, "Run \(run) has no step '\(path)' so far.", hint: "flowctl steps \(run)")
        }
        return row
    }
}

extension FlowError {
    static func noRun(_ text: String) -> FlowError {
        FlowError(.notFound, subject: text, "There is no run '\(text)'.", hint: "flowctl list")
    }

    static func badQuery(_ name: String) -> FlowError {
        FlowError(.usage, subject: name, "Nothing was done: the query's '\(name)' is not percent-encoded UTF-8 without NUL.")
    }

    static func unknownQuery(_ name: String, known: [String]) -> FlowError {
        let allowed = known.isEmpty ? "it takes none" : "it takes " + known.joined(separator: ", ")
        return FlowError(
            .usage, subject: String(name.prefix(100)),
            "Nothing was done: this route has no query parameter '\(name.prefix(100))'; \(allowed).", hint: "GET /openapi.json lists them.")
    }

    static func forbidden(_ actor: Actor, _ message: String) -> FlowError {
        let roles = actor.roles.isEmpty ? "no role" : "the roles " + actor.roles.joined(separator: ", ")
        return FlowError(
            .forbidden, subject: actor.user, "\(actor.user) \(message). They have \(roles).",
            // Roles are given all at once: one that is not named is taken away, and with it what was voted by it.
            hint: "An admin can give one: flowctl user add \(actor.user)\(actor.roles.map { " --role \($0)" }.joined()) --role ROLE")
    }
}
