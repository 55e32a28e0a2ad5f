import FlowModel
import FlowWire

/// What is to be rehearsed: the plan with all flows that it calls. An engine is asked only where files do not say all.
struct RehearsalSource {
    var plan: Plan
    var revision: Digest

    static func find(_ text: String, _ connection: ConnectionOptions) async throws -> RehearsalSource {
        var source: RehearsalSource
        if FlowSource.isFile(text) {
            let loaded = try await Surroundings.here.load(text)
            source = RehearsalSource(plan: loaded.plan, revision: loaded.revision)
            guard !loaded.plan.unpinnedCalls.isEmpty else { return source }
            source.plan = try await asking(connection, for: loaded.plan.unpinnedCalls[0]) { try await pinned(loaded.plan, $0) }
        } else {
            source = try await asking(connection, for: text) { session in
                let (plan, revision) = try await registered(text, session)
                return RehearsalSource(plan: try await pinned(plan, session), revision: revision)
            }
        }
        return source
    }

    /// The hosts of the engine that would run it: of a server, or of the home, which is not opened for that.
    func hosts(_ connection: ConnectionOptions) async throws -> RehearsalHosts {
        let isServer = !connection.leadsToHome
        let rehearser = Surroundings.here.rehearser
        guard connection.inventory == nil || isServer else {
            return try await rehearser.hosts(home: connection.homePath, inventory: connection.inventoryPath)
        }
        let served = try await Session.ifServed(connection) { session in
            let inventory = try session.client.decode(Wire.Inventory.self, try await session.client.inventory())
            return RehearsalHosts(hosts: inventory.hosts.map(\.host), groups: inventory.groups)
        }
        if let served { return served }
        return try await rehearser.hosts(home: connection.homePath, inventory: nil)
    }

    // MARK: - Registered flows

    /// Asks the engine that serves, or opens the home only to look; one that is not there is not made.
    private static func asking<Value>(
        _ connection: ConnectionOptions, for name: String, _ ask: (Session) async throws -> Value
    ) async throws -> Value {
        guard !connection.leadsToHome || Surroundings.here.files.exists(connection.homePath) else {
            throw FlowError(
                .notFound, subject: name, "Nothing was rehearsed: flow '\(name)' is not registered, since there is no \(connection.homePath).",
                hint: "flowctl rehearse FILE.swift, or flowctl flow add FILE.swift")
        }
        return try await Session.with(connection, need: .look, ask)
    }

    private static func registered(_ name: String, _ session: Session) async throws -> (plan: Plan, revision: Digest) {
        let flow = try await session.client.fetch(Wire.Flow.self, "GET", "/v1/flows/\(percentEncoded(name))")
        guard let plan = flow.plan else {
            throw FlowError(.internal, subject: name, "Nothing was rehearsed: the server gave no plan of flow '\(name)'.")
        }
        return (plan, flow.revision)
    }

    /// The plan with the registered flows that it calls in it, and theirs.
    private static func pinned(_ plan: Plan, _ session: Session, calledFrom path: [String] = []) async throws -> Plan {
        var plan = plan
        let path = path + [plan.flow]
        for name in plan.unpinnedCalls {
            guard !path.contains(name) else {
                let circle = (path + [name]).joined(separator: " → ")
                throw FlowError(.load, subject: name, "Nothing was rehearsed: flows call each other in a circle: \(circle).")
            }
            let called = try await pinned(try await registered(name, session).plan, session, calledFrom: path)
            plan.calls = (plan.calls ?? []) + [CalledFlow(plan: called)]
            guard plan.withCalls.reduce(0, { $0 + $1.nodes.count }) <= Limits.calledNodes else {
                throw FlowError(
                    .tooLarge, subject: name,
                    "Nothing was rehearsed: flow '\(plan.flow)' and those that it calls have more than \(Limits.calledNodes) steps.")
            }
        }
        return plan
    }
}

extension Wire.Host {
    fileprivate var host: Host {
        Host(
            name: name, address: address, port: port ?? 22, user: user, identityFile: identityFile, hostKeys: hostKeys ?? [], labels: labels ?? [:])
    }
}
