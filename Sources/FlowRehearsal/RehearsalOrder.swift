import FlowCrypto
package import FlowInventory
package import FlowModel

/// A flow to be rehearsed.
package struct RehearsalOrder: Sendable {
    /// With all flows that it calls in it.
    package var plan: Plan
    package var revision: Digest
    /// Typed by the parameters, without the defaults.
    package var inputs: [String: JSON]
    package var inventory: Inventory
    /// The hosts that it is kept to, as a selector.
    package var limit: String?
    package var script: RehearsalScript
    /// After how many events it is stopped.
    package var turns = RehearsalLimits.turns

    package init(
        plan: Plan, revision: Digest, inputs: [String: JSON], inventory: Inventory, limit: String? = nil, script: RehearsalScript = RehearsalScript()
    ) {
        self.plan = plan
        self.revision = revision
        self.inputs = inputs
        self.inventory = inventory
        self.limit = limit
        self.script = script
    }

    /// What the engine is asked to start: inputs complete, hosts found. Everything that can be refused is refused here.
    func request() throws(FlowError) -> StartRequest {
        do throws(FlowError) {
            if let missing = plan.unpinnedCalls.first {
                throw FlowError(
                    .notFound, subject: missing, "Nothing was started: flow '\(plan.flow)' calls '\(missing)', and no plan of it was given.")
            }
            let complete = try InputValidation.resolve(plan.parameters, given: inputs)
            let needs = TargetResolver.needs(of: plan, inputs: complete)
            let isAsked = !needs.isEmpty || limit != nil
            let (targets, limit) = isAsked ? try TargetResolver.targets(of: needs, in: inventory, limit: limit) : ([:], nil)
            return StartRequest(
                plan: plan.withoutChance, revision: revision, binary: RehearsalOrder.binary, inputs: InventedSeal.sealed(complete, plan.parameters),
                targets: targets, fingerprint: revision, limit: limit)
        } catch {
            throw error.saying("Nothing was rehearsed")
        }
    }

    /// The same for a run that a step calls.
    func request(_ order: CallOrder) throws(FlowError) -> StartRequest {
        let complete = try InputValidation.resolve(order.plan.parameters, given: InventedSeal.opened(order.inputs))
        let needs = TargetResolver.needs(of: order.plan, inputs: complete)
        let targets = needs.isEmpty ? [:] : try TargetResolver.targets(of: needs, in: inventory, within: order.limit)
        return StartRequest(
            plan: order.plan, revision: try RehearsalOrder.revision(of: order.plan), binary: RehearsalOrder.binary,
            inputs: InventedSeal.sealed(complete, order.plan.parameters), targets: targets, labels: order.labels, fingerprint: revision,
            priority: order.priority, limit: order.limit, shapers: order.shapers, isUngated: order.isUngated)
    }

    /// The digest of a plan that differs from every other.
    package static func revision(of plan: Plan) throws(FlowError) -> Digest {
        do {
            return Digest(of: try plan.canonicalBytes)
        } catch {
            throw FlowError(.internal, subject: plan.flow, "the plan of '\(plan.flow)' cannot be written as JSON: \(error)")
        }
    }

    /// The hosts of a selector that a step has made. One that was made up means the first hosts.
    func hosts(of search: HostSearch) throws(FlowError) -> [Host] {
        if search.selector.isInvented {
            let allowed = search.limit.map { Set($0.hosts) }
            let hosts = inventory.hosts.filter { allowed?.contains($0.name) ?? true }.prefix(RehearsalLimits.inventedHosts)
            if !hosts.isEmpty { return Array(hosts) }
        }
        let need = TargetResolver.Need(selector: search.selector, place: "'\(search.selector)'")
        return try TargetResolver.targets(of: [need], in: inventory, within: search.limit)[search.selector] ?? []
    }

    /// No program is run: that there is one is all that a Swift step asks.
    private static let binary = Digest(of: [])
}

extension Plan {
    /// The same without jitter in its pauses, with all that it calls.
    fileprivate var withoutChance: Plan {
        var plan = self
        for index in plan.nodes.indices { plan.nodes[index].policy.retry?.jitter = 0 }
        plan.calls = calls?.map { CalledFlow(plan: $0.plan.withoutChance, binary: $0.binary) }
        return plan
    }
}

/// Marks secrets, so that they are redacted as everywhere. Nothing of a rehearsal leaves the memory of its process: they are not locked.
enum InventedSeal {
    static func sealed(_ inputs: [String: JSON], _ parameters: [Parameter]) -> [String: JSON] {
        var sealed = inputs
        for parameter in parameters where parameter.isSecret {
            guard case .string(let text)? = inputs[parameter.name] else { continue }
            let digits = Array("0123456789abcdef")
            sealed[parameter.name] = .string(SealedText.marker(text.utf8.map { "\(digits[Int($0) / 16])\(digits[Int($0) % 16])" }.joined()))
        }
        return sealed
    }

    static func opened(_ inputs: [String: JSON]) -> [String: JSON] { inputs.mapValues(opened) }

    private static func opened(_ value: JSON) -> JSON {
        guard case .string(let text) = value else { return value }
        return .string(SealedText.replacing(in: text, with: plain))
    }

    private static func plain(_ hex: String) -> String {
        let digits = hex.utf8.map { Int($0) - ($0 > 0x39 ? 0x57 : 0x30) }
        let bytes = stride(from: 0, to: digits.count - 1, by: 2).map { UInt8(truncatingIfNeeded: digits[$0] * 16 + digits[$0 + 1]) }
        return String(decoding: bytes, as: UTF8.self)
    }
}
