internal import FlowModel

/// Runs its body once for each host, `width` at a time. Its value is the list of what the bodies' last steps hand out.
///
/// Once a body has failed no further one is begun. Where the body's last step may hand nothing out (`onFailure: .ignore`) the list can be read only
/// with `minSucceeded:`, which makes its elements optional.
@discardableResult
public func map<Body: FlowBody>(
    _ name: String, over hosts: some Reference<Selector>, width: Int = 8, lock: Lock? = nil, limit: Limit? = nil,
    lockEach: LockEach<HostReference>? = nil, limitEach: Limit? = nil, onFailure: OnFailure = .stop,
    after: [any StepHandle] = [], file: String = #fileID, line: Int = #line,
    @FlowBuilder _ body: (HostReference) -> Body
) -> Step<[Body.Output]> {
    let call = MapCall(
        name: name, width: width, policy: Policy(nil, nil, onFailure).claiming(lock, limit), lockEach: lockEach, limitEach: limitEach,
        after: after, site: Site(file, line))
    return call.record(.hosts(hosts.reference.expression), { HostReference(map: $0) }, body)
}

/// Runs its body once for each host that the selector matches when the run starts.
@discardableResult
public func map<Body: FlowBody>(
    _ name: String, over hosts: Selector, width: Int = 8, lock: Lock? = nil, limit: Limit? = nil,
    lockEach: LockEach<HostReference>? = nil, limitEach: Limit? = nil, onFailure: OnFailure = .stop,
    after: [any StepHandle] = [], file: String = #fileID, line: Int = #line,
    @FlowBuilder _ body: (HostReference) -> Body
) -> Step<[Body.Output]> {
    let call = MapCall(
        name: name, width: width, policy: Policy(nil, nil, onFailure).claiming(lock, limit), lockEach: lockEach, limitEach: limitEach,
        after: after, site: Site(file, line))
    return call.record(.hosts(.literal(.string(hosts.text))), { HostReference(map: $0) }, body)
}

/// Runs its body once for each element of a list.
@discardableResult
public func map<Element: Decodable & Sendable, Body: FlowBody>(
    _ name: String, over list: some Reference<[Element]>, width: Int = 8, lock: Lock? = nil, limit: Limit? = nil,
    lockEach: LockEach<Ref<Element>>? = nil, limitEach: Limit? = nil, onFailure: OnFailure = .stop,
    after: [any StepHandle] = [], file: String = #fileID, line: Int = #line,
    @FlowBuilder _ body: (Ref<Element>) -> Body
) -> Step<[Body.Output]> {
    let call = MapCall(
        name: name, width: width, policy: Policy(nil, nil, onFailure).claiming(lock, limit), lockEach: lockEach, limitEach: limitEach,
        after: after, site: Site(file, line))
    return call.record(.list(list.reference.expression), { Ref(.element(map: $0, path: [])) }, body)
}

/// Runs its body once for each element of a list that is known now.
@discardableResult
public func map<Element: Codable & Sendable, Body: FlowBody>(
    _ name: String, over list: [Element], width: Int = 8, lock: Lock? = nil, limit: Limit? = nil,
    lockEach: LockEach<Ref<Element>>? = nil, limitEach: Limit? = nil, onFailure: OnFailure = .stop,
    after: [any StepHandle] = [], file: String = #fileID, line: Int = #line,
    @FlowBuilder _ body: (Ref<Element>) -> Body
) -> Step<[Body.Output]> {
    let call = MapCall(
        name: name, width: width, policy: Policy(nil, nil, onFailure).claiming(lock, limit), lockEach: lockEach, limitEach: limitEach,
        after: after, site: Site(file, line))
    return call.record(.list(.constant(list, call.site)), { Ref(.element(map: $0, path: [])) }, body)
}

// MARK: - Maps of which some may fail

/// Runs its body once for each host; `minSucceeded` of them must succeed, `.count(0)` for none. The value has none where a body failed, or its last step
/// handed nothing out.
///
/// Elements go on after a failure, until so many have failed that the rest would not do.
@discardableResult
public func map<Body: FlowBody>(
    _ name: String, over hosts: some Reference<Selector>, width: Int = 8, minSucceeded: Share, lock: Lock? = nil, limit: Limit? = nil,
    lockEach: LockEach<HostReference>? = nil, limitEach: Limit? = nil, onFailure: OnFailure = .stop,
    after: [any StepHandle] = [], file: String = #fileID, line: Int = #line,
    @FlowBuilder _ body: (HostReference) -> Body
) -> Step<[Body.Output?]> {
    let call = MapCall(
        name: name, width: width, minSucceeded: minSucceeded, policy: Policy(nil, nil, onFailure).claiming(lock, limit), lockEach: lockEach,
        limitEach: limitEach, after: after, site: Site(file, line))
    return Step(id: call.record(.hosts(hosts.reference.expression), { HostReference(map: $0) }, body).id)
}

/// Runs its body once for each host that the selector matches when the run starts; `minSucceeded` of them must succeed.
@discardableResult
public func map<Body: FlowBody>(
    _ name: String, over hosts: Selector, width: Int = 8, minSucceeded: Share, lock: Lock? = nil, limit: Limit? = nil,
    lockEach: LockEach<HostReference>? = nil, limitEach: Limit? = nil, onFailure: OnFailure = .stop,
    after: [any StepHandle] = [], file: String = #fileID, line: Int = #line,
    @FlowBuilder _ body: (HostReference) -> Body
) -> Step<[Body.Output?]> {
    let call = MapCall(
        name: name, width: width, minSucceeded: minSucceeded, policy: Policy(nil, nil, onFailure).claiming(lock, limit), lockEach: lockEach,
        limitEach: limitEach, after: after, site: Site(file, line))
    return Step(id: call.record(.hosts(.literal(.string(hosts.text))), { HostReference(map: $0) }, body).id)
}

/// Runs its body once for each element of a list; `minSucceeded` of them must succeed.
@discardableResult
public func map<Element: Decodable & Sendable, Body: FlowBody>(
    _ name: String, over list: some Reference<[Element]>, width: Int = 8, minSucceeded: Share, lock: Lock? = nil, limit: Limit? = nil,
    lockEach: LockEach<Ref<Element>>? = nil, limitEach: Limit? = nil, onFailure: OnFailure = .stop,
    after: [any StepHandle] = [], file: String = #fileID, line: Int = #line,
    @FlowBuilder _ body: (Ref<Element>) -> Body
) -> Step<[Body.Output?]> {
    let call = MapCall(
        name: name, width: width, minSucceeded: minSucceeded, policy: Policy(nil, nil, onFailure).claiming(lock, limit), lockEach: lockEach,
        limitEach: limitEach, after: after, site: Site(file, line))
    return Step(id: call.record(.list(list.reference.expression), { Ref(.element(map: $0, path: [])) }, body).id)
}

/// Runs its body once for each element of a list that is known now; `minSucceeded` of them must succeed.
@discardableResult
public func map<Element: Codable & Sendable, Body: FlowBody>(
    _ name: String, over list: [Element], width: Int = 8, minSucceeded: Share, lock: Lock? = nil, limit: Limit? = nil,
    lockEach: LockEach<Ref<Element>>? = nil, limitEach: Limit? = nil, onFailure: OnFailure = .stop,
    after: [any StepHandle] = [], file: String = #fileID, line: Int = #line,
    @FlowBuilder _ body: (Ref<Element>) -> Body
) -> Step<[Body.Output?]> {
    let call = MapCall(
        name: name, width: width, minSucceeded: minSucceeded, policy: Policy(nil, nil, onFailure).claiming(lock, limit), lockEach: lockEach,
        limitEach: limitEach, after: after, site: Site(file, line))
    return Step(id: call.record(.list(.constant(list, call.site)), { Ref(.element(map: $0, path: [])) }, body).id)
}

/// What all maps have in common.
private struct MapCall<Element> {
    let name: String
    let width: Int
    var minSucceeded: Share?
    let policy: Policy
    let lockEach: LockEach<Element>?
    let limitEach: Limit?
    let after: [any StepHandle]
    let site: Site

    func record<Body: FlowBody>(
        _ elements: MapSpec.Elements, _ element: (String) -> Element, _ body: (Element) -> Body
    ) -> Step<[Body.Output]> {
        let isHostMap = if case .hosts = elements { true } else { false }
        let id = Recorder.add(
            "map",
            Recorder.Entry(
                name: name, kind: .map(MapSpec(elements: elements, width: width, minSucceeded: minSucceeded?.model)),
                policy: policy, after: after, site: site))
        Recorder.current?.change { $0.openMap(id, isHostMap: isHostMap) }
        Recorder.claimEach((lockEach?.claims(element(id)) ?? []) + (limitEach?.claims ?? []), of: id, site)
        let end = body(element(id)).end.node
        let last = Recorder.current?.change { $0.closeMap() } ?? nil
        checkEnd(end, last)
        return Step(id: id)
    }

    /// The type of the map's value is that of the last statement, its value that of the last step: they must be the same.
    private func checkEnd(_ end: String?, _ last: String?) {
        guard Recorder.current != nil else { return }
        if last == nil {
            Recorder.complain(name, "the body of map '\(name)' has no steps", site)
        } else if let end, let last, end != last, let place = Recorder.current?.change({ $0.places[last]?.site }) {
            let step = last.split(separator: "/").last ?? ""
            Recorder.complain(
                name,
                "the value of map '\(name)' is that of its last step, but '\(step)' stands in a let or a block; end the body with a plain step",
                place)
        }
    }
}
