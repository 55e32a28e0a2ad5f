internal import FlowModel

/// Runs its body again and again, `every` so often, until a condition holds for what its last step hands out; `atMost` so many times.
///
/// ```swift
/// repeatUntil("healthy", every: .seconds(5), atMost: 60) {
///     shell("ask", "curl -fsS http://localhost:8080/healthz", onFailure: .ignore)
/// } until: { answer in answer.exitStatus == 0 }
/// ```
/// A round whose last step has no value (it failed and was ignored) has not met the condition. A round that fails fails the step, and so does
/// a condition that still does not hold after the last round. It hands out what the last step of the last round did.
@discardableResult
public func repeatUntil<Body: FlowBody>(
    _ name: String, every interval: Duration, atMost maximum: Int, onFailure: OnFailure = .stop, after: [any StepHandle] = [],
    file: String = #fileID, line: Int = #line, @FlowBuilder _ body: () -> Body, until condition: (Ref<Body.Output>) -> Condition
) -> Step<Body.Output> {
    let site = Site(file, line)
    let spec = RepeatSpec(until: .literal(.bool(true)), intervalSeconds: interval.inSeconds, maximum: maximum)
    let id = Recorder.add(
        "repeatUntil",
        Recorder.Entry(name: name, kind: .repeatUntil(spec), policy: Policy(nil, nil, onFailure), after: after, site: site))
    guard let recorder = Recorder.current else { return Step(id: id) }
    recorder.change { $0.openMap(id, isHostMap: false) }
    let end = body().end.node
    if let end {
        let until = condition(Ref(.output(node: end, path: []))).expression
        let faults = recorder.change { $0.setCondition(of: id, until, recorder.parameters) }
        for fault in faults { Recorder.complain(name, fault, site) }
    } else {
        Recorder.complain(name, "the body of repeatUntil '\(name)' must end with a step, whose value the condition is about", site)
    }
    _ = recorder.change { $0.closeMap() }
    return Step(id: id)
}

extension Recorder.State {
    /// Sets the condition of a `repeatUntil` whose body is open. Gives the faults.
    fileprivate mutating func setCondition(of id: String, _ until: Expression, _ parameters: Set<String>) -> [String] {
        guard let place = places[id], case .repeatUntil(var spec) = nodes[place.index].kind else { return [] }
        spec.until = until
        nodes[place.index].kind = .repeatUntil(spec)
        // It is evaluated when the body has ended: what it reads there needs no edge, what it reads outside is the loop's.
        var needs: [String] = []
        return use(until, needs: &needs, parameters)
    }
}
