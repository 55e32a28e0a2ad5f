internal import FlowModel

/// Runs its body again and again, `every` so often, until the condition holds that the body ends with; `atMost` so many times.
///
/// ```swift
/// repeatUntil("healthy", every: .seconds(5), atMost: 60) {
///     let answer = shell("ask", "curl -fsS http://localhost:8080/healthz", onFailure: .ignore)
///     until(answer.exitStatus == 0)
/// }
/// ```
/// A round in which the condition reads a step that was skipped, or that failed and was ignored, has not met it. A round that fails fails the
/// step, and so does a condition that still does not hold after the last round.
@discardableResult
public func repeatUntil<Value: Decodable & Sendable>(
    _ name: String, every interval: Duration, atMost maximum: Int, onFailure: OnFailure = .stop, after: [any StepHandle] = [],
    file: String = #fileID, line: Int = #line, @FlowBuilder _ body: () -> Until<Value>
) -> Step<Value> {
    let site = Site(file, line)
    // The body says what the condition is.
    let spec = RepeatSpec(until: .literal(.bool(true)), intervalSeconds: interval.inSeconds, maximum: maximum)
    let id = Recorder.add(
        "repeatUntil",
        Recorder.Entry(name: name, kind: .repeatUntil(spec), policy: Policy(nil, nil, onFailure), after: after, site: site))
    Recorder.current?.change { $0.openMap(id, isHostMap: false) }
    _ = body()
    if let recorder = Recorder.current, recorder.change({ $0.closeMap() }) == nil {
        Recorder.complain(name, "the body of repeatUntil '\(name)' has no steps", site)
    }
    return Step(id: id)
}

/// The end of a round.
public struct Until<Value: Decodable & Sendable>: FlowBody {
    public typealias Output = Value
    public var end: BodyEnd { BodyEnd(node: nil) }
}

/// Ends the body of a `repeatUntil`: another round follows unless this holds.
public func until(_ condition: some Reference<Bool>, file: String = #fileID, line: Int = #line) -> Until<NoValue> {
    Recorder.endRound(condition.reference.expression, value: nil, Site(file, line))
    return Until()
}

/// Ends the body of a `repeatUntil`, which hands out `value` when the condition holds.
public func until<Value: Decodable & Sendable>(
    _ condition: some Reference<Bool>, value: some Reference<Value>, file: String = #fileID, line: Int = #line
) -> Until<Value> {
    Recorder.endRound(condition.reference.expression, value: value.reference.expression, Site(file, line))
    return Until()
}

extension Recorder {
    fileprivate static func endRound(_ condition: Expression, value: Expression?, _ site: Site) {
        guard let current else { return }
        for fault in current.change({ $0.endRound(condition, value, current.parameters) }) { complain("until", fault, site) }
    }
}

extension Recorder.State {
    /// Sets the condition of the `repeatUntil` whose body is open. Gives the faults.
    fileprivate mutating func endRound(_ condition: Expression, _ value: Expression?, _ parameters: Set<String>) -> [String] {
        guard let map = frame.map, let place = places[map], case .repeatUntil(var spec) = nodes[place.index].kind else {
            return ["until(…) ends the body of a repeatUntil, and stands nowhere else"]
        }
        spec.until = condition
        spec.value = value
        nodes[place.index].kind = .repeatUntil(spec)
        // It is evaluated when the round is over: what it reads there needs no edge, what it reads outside is the loop's.
        var needs: [String] = []
        return use(condition, needs: &needs, parameters) + (value.map { use($0, needs: &needs, parameters) } ?? [])
    }
}
