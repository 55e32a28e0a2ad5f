internal import FlowModel

/// An input of a flow that is called.
public struct CallInput<Called> {
    let name: (Called?) -> String?
    let value: Expression

    init(_ value: Expression, name: @escaping (Called?) -> String?) {
        self.name = name
        self.value = value
    }
}

extension CallInput where Called: Flow {
    /// The value of a reference: `.input(\.$version, $version)`.
    public static func input<Value: Codable & Sendable>(_ parameter: KeyPath<Called, Ref<Value>>, _ value: some Reference<Value>) -> Self {
        CallInput(value.reference.expression, name: { nameOf($0?[keyPath: parameter]) })
    }

    /// A constant: `.input(\.$replicas, 3)`.
    public static func input<Value: Codable & Sendable>(_ parameter: KeyPath<Called, Ref<Value>>, _ value: Value) -> Self {
        CallInput(constant(value), name: { nameOf($0?[keyPath: parameter]) })
    }

    private static func nameOf(_ reference: Ref<some Decodable & Sendable>?) -> String? {
        if case .parameter(let name)? = reference?.expression { name } else { nil }
    }
}

/// A flow that is registered with the server, known by name only.
public struct RegisteredFlow {}

extension CallInput where Called == RegisteredFlow {
    /// The value of a reference, for the parameter of this name.
    public static func input(_ parameter: String, _ value: some Reference) -> Self {
        CallInput(value.reference.expression, name: { _ in parameter })
    }

    /// A constant, for the parameter of this name.
    public static func input(_ parameter: String, _ value: some Codable & Sendable) -> Self { CallInput(constant(value), name: { _ in parameter }) }
}

/// Runs another flow of this file, as a run of its own, and waits for its end. What it hands out is what its last step hands out.
///
///     let image = call("build", BuildImage.self, inputs: [.input(\.$version, $version)])
///     shell("push", "registry push \(image.digest)")
///
/// That run appears in lists with the label `parent`, has its own journal, and belongs to the person who started this one. Cancelling, killing,
/// pausing and resuming go down to it; when it fails, so does this step. A retry of the step calls the flow again.
@discardableResult
public func call<Called: Flow>(
    _ name: String, _ flow: Called.Type, inputs: [CallInput<Called>] = [], onFailure: OnFailure = .stop, after: [any StepHandle] = [],
    file: String = #fileID, line: Int = #line, @FlowBuilder undo: (Step<Called.Body.Output>) -> any FlowBody = { _ in Block() }
) -> Step<Called.Body.Output> {
    let site = Site(file, line)
    guard let recorder = Recorder.current else {
        return Step(id: Recorder.add("call", Recorder.Entry(name: name, kind: .call(CallSpec(flow: flow.name, inputs: [:])), site: site)))
    }
    guard !recorder.path.contains(flow.name) else {
        Recorder.complain(name, "flow '\(flow.name)' calls itself: \((recorder.path + [flow.name]).joined(separator: " → "))", site)
        return Step(id: name)
    }
    let description = FlowDescription(of: flow, calledFrom: recorder.path)
    recorder.keep(description, named: name, site)
    let instance = description.flow as? Called
    var values: [String: Expression] = [:]
    for input in inputs {
        guard let parameter = input.name(instance) else {
            Recorder.complain(name, "an input of call '\(name)' is not a parameter of flow '\(flow.name)'", site)
            continue
        }
        if values.updateValue(input.value, forKey: parameter) != nil {
            Recorder.complain(name, "parameter '\(parameter)' of flow '\(flow.name)' is given twice", site)
        }
    }
    let entry = Recorder.Entry(
        name: name, kind: .call(CallSpec(flow: flow.name, inputs: values)), policy: Policy(nil, nil, onFailure), after: after, site: site)
    let step = Step<Called.Body.Output>(id: Recorder.add("call", entry))
    Undoing.record(step.id, named: name, site) { undo(step) }
    return step
}

/// Runs a flow that is registered with the server; see the other form. `name` is the flow's and the step's, unless `flow` says the flow's.
///
/// The flow is pinned when the run that calls it is planned: a registration that comes later changes nothing in that run. `output` says what
/// the flow's last step hands out; that is checked when it has ended.
@discardableResult
public func call<Output: Decodable & Sendable>(
    _ name: String, flow: String? = nil, inputs: [CallInput<RegisteredFlow>] = [], output: Output.Type, onFailure: OnFailure = .stop,
    after: [any StepHandle] = [], file: String = #fileID, line: Int = #line,
    @FlowBuilder undo: (Step<Output>) -> any FlowBody = { _ in Block() }
) -> Step<Output> {
    registered(name, flow, inputs, ShapeProbe.shape(of: Output.self), onFailure, after, Site(file, line), undo)
}

/// Runs a flow that is registered with the server, and uses nothing of what it hands out.
@discardableResult
public func call(
    _ name: String, flow: String? = nil, inputs: [CallInput<RegisteredFlow>] = [], onFailure: OnFailure = .stop,
    after: [any StepHandle] = [], file: String = #fileID, line: Int = #line,
    @FlowBuilder undo: (Step<NoValue>) -> any FlowBody = { _ in Block() }
) -> Step<NoValue> {
    registered(name, flow, inputs, nil, onFailure, after, Site(file, line), undo)
}

private func registered<Output>(
    _ name: String, _ flow: String?, _ inputs: [CallInput<RegisteredFlow>], _ shape: TypeShape?, _ onFailure: OnFailure,
    _ after: [any StepHandle], _ site: Site, _ undo: (Step<Output>) -> any FlowBody
) -> Step<Output> {
    var values: [String: Expression] = [:]
    for input in inputs {
        let parameter = input.name(nil) ?? ""
        if values.updateValue(input.value, forKey: parameter) != nil { Recorder.complain(name, "parameter '\(parameter)' is given twice", site) }
    }
    let entry = Recorder.Entry(
        name: name, kind: .call(CallSpec(flow: flow ?? name, inputs: values)), policy: Policy(nil, nil, onFailure), output: shape,
        after: after, site: site)
    let step = Step<Output>(id: Recorder.add("call", entry))
    Undoing.record(step.id, named: name, site) { undo(step) }
    return step
}

/// A constant of the author's as an expression; a value that has no JSON form is reported with the step.
private func constant(_ value: some Codable) -> Expression {
    do {
        return .literal(try JSON(encoding: value))
    } catch {
        Recorder.complain("call", "an input has no JSON form: \(error)", nil)
        return .literal(.null)
    }
}

extension Recorder {
    /// Keeps the plan and the Swift steps of a flow that is called, once.
    func keep(_ description: FlowDescription, named step: String, _ site: Site) {
        for fault in description.envelope.diagnostics { change { $0.report(fault) } }
        let plan = description.envelope.plan
        let other: Plan? = change { state in
            if let known = state.calls.first(where: { $0.plan.flow == plan.flow }) { return known.plan }
            state.calls.append(CalledFlow(plan: plan))
            return nil
        }
        if let other, other != plan { Recorder.complain(step, "there are two flows named '\(plan.flow)'; give one another name", site) }
        change { $0.worksOfCalls.merge(description.works) { old, _ in old } }
    }

    /// The type of what a flow hands out is that of its last statement, the value that of its last step: they must be the same.
    func checkValue(_ end: String?, of flow: String) {
        let (last, site) = change { state in
            let last = state.frames[0].lastNode
            return (last, last.flatMap { state.places[$0]?.site })
        }
        guard let end, let last, end != last else { return }
        change {
            $0.report(
                FlowError.Detail(
                    subject: flow,
                    message: "what flow '\(flow)' hands out is that of its last step, but '\(last)' stands in a let or a block; "
                        + "end the body with a plain step",
                    location: site?.location.description))
        }
    }
}
