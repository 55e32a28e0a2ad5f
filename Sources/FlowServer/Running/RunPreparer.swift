import FlowAPI
import FlowCrypto
import FlowEngine
import FlowInventory
import FlowModel
import FlowWire

/// Makes what somebody wants to run ready to start. Everything that can be refused is refused here, before anything is kept.
struct RunPreparer: RunPreparation {
    let flows: FlowLibrary
    let plans: PlanLibrary
    let vault: Vault
    /// Complete, typed inputs from those given; refuses with all faults at once.
    let inputs: @Sendable ([Parameter], [String: JSON]) throws(FlowError) -> [String: JSON]
    let inventory: InventoryService
    /// What keeps something from beginning now, and who keeps somebody new from having something.
    let closure: @Sendable (ChangeSubject) -> ChangeClosure?
    let leases: @Sendable ([Demand]) async -> [LeaseTable.Obstacles]

    private struct Ready {
        var loaded: LoadedPlan
        var binary: Digest?
        var inputs: [String: JSON]
        var targets: [String: [Host]]
        var limit: HostLimit?
        var isRegistered: Bool
    }

    func prepare(_ start: Wire.Start, key: String?, content: JSON) async throws -> StartRequest {
        try RunLabels.checkAll(start.labels ?? [:])
        let ready = try await ready(start)
        var sealed = ready.inputs
        for parameter in ready.loaded.plan.parameters where parameter.isSecret {
            if let value = sealed[parameter.name] { sealed[parameter.name] = try vault.sealed(value) }
        }
        return StartRequest(
            plan: ready.loaded.plan, revision: ready.loaded.revision, binary: ready.binary, inputs: sealed,
            targets: ready.targets, labels: start.labels ?? [:], key: key, fingerprint: vault.fingerprint(content),
            holdBefore: try breakpoints(start.holdBefore ?? [], in: ready.loaded.plan), priority: try priority(start.priority),
            limit: ready.limit, isRegistered: ready.isRegistered)
    }

    /// A run that a step asks for. Secrets come sealed, also as a part of a text: they are opened, looked at as inputs are, and sealed anew.
    func prepare(_ order: CallOrder) async throws -> StartRequest {
        try RunLabels.checkAll(order.labels)
        let complete = try inputs(order.plan.parameters, try opened(order.inputs, for: order.plan.parameters))
        var sealed = complete
        for parameter in order.plan.parameters where parameter.isSecret {
            if let value = sealed[parameter.name] { sealed[parameter.name] = try vault.sealed(value) }
        }
        let needs = TargetResolver.needs(of: order.plan, inputs: complete)
        let targets = needs.isEmpty ? [:] : try TargetResolver.targets(of: needs, in: try await inventory.current(), within: order.limit)
        let revision = Digest(of: try order.plan.canonicalBytes)
        let binary = order.plan.hasSwiftSteps ? order.binary : nil
        // What a run of a registered flow calls was registered when that run began.
        var isRegistered = order.isRegistered == true
        if !isRegistered { isRegistered = try await flows.isRegistered(order.plan.flow, revision: revision, binary: binary) }
        return StartRequest(
            plan: order.plan, revision: revision, binary: binary, inputs: sealed, targets: targets, labels: order.labels,
            fingerprint: Digest(of: []), priority: order.priority, limit: order.limit, shapers: order.shapers, isRegistered: isRegistered,
            isUngated: order.isUngated)
    }

    /// The inputs as they were before they were sealed. Loading refuses a secret for a parameter that is not one; what comes by way of an element
    /// or an output is refused here.
    private func opened(_ given: [String: JSON], for parameters: [Parameter]) throws(FlowError) -> [String: JSON] {
        var faults: [FlowError.Detail] = []
        var opened = given
        for (name, value) in given.sorted(by: { $0.key < $1.key }) where SealedText.redacted(value) != value {
            guard parameters.first(where: { $0.name == name })?.isSecret == true, case .string(let text) = value else {
                faults.append(.init(subject: name, message: "is not a secret parameter, and a secret was given to it: everybody could see it"))
                continue
            }
            opened[name] = .string(try SealedText.replacing(in: text) { sealed throws(FlowError) in try vault.open(sealed) })
        }
        guard faults.isEmpty else {
            throw FlowError(
                .inputs, subject: "inputs", "Nothing was started: a secret was given to a parameter that is not secret.",
                hint: "Declare the parameter with 'secret: true'.", errors: faults)
        }
        return opened
    }

    /// The plan with the registered flows that it calls in it, as they are now, and theirs.
    private func pinned(_ loaded: LoadedPlan, isKept: Bool, calledFrom path: [String] = []) async throws -> LoadedPlan {
        let missing = loaded.plan.unpinnedCalls
        guard !missing.isEmpty else { return loaded }
        var plan = loaded.plan
        for name in missing {
            let path = path + [plan.flow]
            guard !path.contains(name) else {
                throw FlowError(
                    .load, subject: name, "Nothing was started: flows call each other in a circle: \((path + [name]).joined(separator: " → ")).")
            }
            let (called, binary) = try await flows.current(name)
            plan.calls = (plan.calls ?? []) + [CalledFlow(plan: try await pinned(called, isKept: isKept, calledFrom: path).plan, binary: binary)]
            // Flows that call two others each, and these two more, double with every level.
            let steps = plan.withCalls.reduce(0) { $0 + $1.nodes.count }
            guard steps <= Limits.calledNodes else {
                throw FlowError(
                    .tooLarge, subject: name,
                    "Nothing was started: flow '\(plan.flow)' and those that it calls have \(steps) steps; \(Limits.calledNodes) are allowed.")
            }
        }
        return try await plans.plan(plan, isKept: isKept)
    }

    /// The steps before which the run is to stop, as the plan knows them. Those of elements are known by the step's id.
    private func breakpoints(_ names: [String], in plan: Plan) throws(FlowError) -> Set<String> {
        for name in names where !plan.nodes.contains(where: { $0.id == name }) && !name.contains("[") {
            let near = nearestNames(to: name, in: plan.nodes.map(\.id))
            throw FlowError(
                .usage, subject: "holdBefore",
                "Nothing was started: flow '\(plan.flow)' has no step '\(name)' to stop before."
                    + (near.isEmpty ? "" : " Did you mean \(near.map { "'\($0)'" }.joined(separator: " or "))?"))
        }
        guard names.count <= Limits.breakpoints else {
            throw FlowError(.usage, subject: "holdBefore", "Nothing was started: a run may stop before \(Limits.breakpoints) steps at most.")
        }
        return Set(names)
    }

    private func priority(_ given: Int?) throws(FlowError) -> Int? {
        guard let given, !Priority.all.contains(given) else { return given }
        throw FlowError(.usage, subject: "priority", "Nothing was started: a priority is 0 to 9, found \(given).")
    }

    func preview(_ start: Wire.Start) async throws -> Wire.Preview {
        // Who may only look has the server keep nothing.
        let ready = try await ready(start, isKept: false)
        var shown = ready.inputs
        for parameter in ready.loaded.plan.parameters where parameter.isSecret && shown[parameter.name] != nil {
            shown[parameter.name] = .string(SealedText.shown)
        }
        var preview = Wire.Preview(
            flow: ready.loaded.plan.flow, revision: ready.loaded.revision, plan: ready.loaded.plan, inputs: .object(shown),
            targets: ready.targets.mapValues { $0.map(\.name) })
        var forecast = PlanForecast(
            inventory: try await inventory.current(), limit: ready.limit, labels: start.labels ?? [:], closure: closure, complete: inputs)
        forecast.add(ready.loaded.plan, inputs: ready.inputs, targets: ready.targets)
        let obstacles = await leases(forecast.demands.map(\.demand))
        preview.rollouts = forecast.rollouts.isEmpty ? nil : forecast.rollouts
        preview.lateHosts = forecast.late.isEmpty ? nil : forecast.late
        preview.closed = forecast.closed.isEmpty ? nil : forecast.closed
        preview.locks = zip(forecast.demands, obstacles).compactMap { Wire.PlannedLock($0, $1) }.prefix(Limits.plannedShown).nilIfEmpty
        preview.problems = forecast.problems.isEmpty ? nil : forecast.problems
        return preview
    }

    func check(_ start: Wire.Start, taken: Set<String>?) async throws {
        let (found, _, _) = try await source(start, false)
        let plan = try await pinned(found, isKept: false).plan
        let given = start.inputs ?? [:]
        let fixed = try LaterInputs(given: given, taken: taken).fixed(of: plan.parameters, complete: inputs)
        let needs = TargetResolver.needs(of: plan, inputs: fixed)
        guard !needs.isEmpty || start.limit != nil else { return }
        _ = try TargetResolver.targets(of: needs, in: try await inventory.current(), limit: start.limit)
    }

    func edit(_ given: [String: JSON], of plan: Plan, begunWith created: Created, now current: JSON) async throws -> InputEdit {
        let parameters = plan.parameters.filter { given[$0.name] != nil }
        let faults = given.keys.sorted().filter { name in !plan.parameters.contains { $0.name == name } }.map { name in
            FlowError.Detail(
                subject: name, message: "is not a parameter of flow '\(plan.flow)': \(plan.parameters.map(\.name).joined(separator: ", "))")
        }
        guard faults.isEmpty else {
            throw FlowError(.inputs, subject: "inputs", "Nothing was changed: the flow has no such parameter.", errors: faults)
        }
        var changed = try checked(given, parameters)
        var all = current.objectValue ?? [:]
        all.merge(changed) { $1 }
        let needs = TargetResolver.needs(of: plan, inputs: all).filter { created.targets[$0.selector] == nil }
        let targets = needs.isEmpty ? [:] : try targets(of: needs, in: try await inventory.current(), within: created.limit)
        for parameter in parameters where parameter.isSecret {
            if let value = changed[parameter.name] { changed[parameter.name] = try vault.sealed(value) }
        }
        return InputEdit(inputs: changed, targets: targets)
    }

    private func targets(
        of needs: [TargetResolver.Need], in inventory: Inventory, within limit: HostLimit?
    ) throws(FlowError) -> [String: [Host]] {
        do throws(FlowError) {
            return try TargetResolver.targets(of: needs, in: inventory, within: limit)
        } catch {
            throw error.saying("Nothing was changed")
        }
    }

    private func checked(_ given: [String: JSON], _ parameters: [Parameter]) throws(FlowError) -> [String: JSON] {
        do throws(FlowError) {
            return try inputs(parameters, given)
        } catch {
            throw FlowError(error.code, subject: error.subject, "Nothing was changed: an input is not acceptable.", errors: error.errors)
        }
    }

    private func ready(_ start: Wire.Start, isKept: Bool = true) async throws -> Ready {
        let (found, binary, isRegistered) = try await source(start, isKept)
        let loaded = try await pinned(found, isKept: isKept)
        let complete = try inputs(loaded.plan.parameters, start.inputs ?? [:])
        let needs = TargetResolver.needs(of: loaded.plan, inputs: complete)
        guard !needs.isEmpty || start.limit != nil else {
            return Ready(loaded: loaded, binary: binary, inputs: complete, targets: [:], isRegistered: isRegistered)
        }
        let (targets, limit) = try TargetResolver.targets(of: needs, in: try await inventory.current(), limit: start.limit)
        return Ready(loaded: loaded, binary: binary, inputs: complete, targets: targets, limit: limit, isRegistered: isRegistered)
    }

    /// What is to run, and whether that is what is registered under its name, whole.
    private func source(_ start: Wire.Start, _ isKept: Bool) async throws -> (LoadedPlan, Digest?, isRegistered: Bool) {
        if let name = start.flow {
            let (plan, binary) = try await flows.current(name)
            return (plan, binary, true)
        }
        let loaded: LoadedPlan
        if let plan = start.plan {
            loaded = try await plans.plan(plan, isKept: isKept)
        } else if let digest = start.planDigest {
            loaded = try await plans.plan(digest)
        } else if let exec = start.exec {
            loaded = try await plans.plan(try ExecPlan.make(exec), isKept: isKept)
        } else {
            throw FlowError(.usage, subject: "flow", "Nothing was started: the request does not say what.")
        }
        let binary = try await plans.binary(start.binary, for: loaded.plan)
        return (loaded, binary, try await flows.isRegistered(loaded.plan.flow, revision: loaded.revision, binary: binary))
    }
}
