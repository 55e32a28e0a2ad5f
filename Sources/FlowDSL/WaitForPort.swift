internal import FlowModel

/// What a wait for a port hands out.
public struct PortResult: Codable, Hashable, Sendable {
    /// How long it took.
    public var seconds: Double
    /// How often it looked.
    public var tries: Int
}

/// What a port is waited for to be.
public enum PortState: Sendable {
    /// Something takes connections.
    case open
    /// Nothing does: they are refused, or not answered.
    case closed
}

/// Waits until something answers on a TCP port, or until nothing does any more; fails when that has not come within `timeout`, and says the last
/// answer.
///
/// `endpoint` is an address or name and a port: `"\(host.address):8080"`, `"[2001:db8::1]:443"`. It is looked at from this machine, or from the host
/// `from:`. `every` and `timeout` are whole seconds. Nothing is sent over the connection. To look changes nothing: an attempt that is lost is
/// repeated. While it waits, `flowctl why` shows the last answer.
@discardableResult
public func waitForPort(
    _ name: String, _ endpoint: Text, until state: PortState = .open, from target: (any Target)? = nil, every interval: Duration = .seconds(2),
    timeout: Duration = .minutes(5), onFailure: OnFailure = .stop, after: [any StepHandle] = [], file: String = #fileID, line: Int = #line
) -> Step<PortResult> {
    let spec = WaitForPortSpec(
        endpoint: endpoint.expression, goal: state == .open ? .open : .closed, intervalSeconds: interval.wholeSeconds,
        timeoutSeconds: timeout.wholeSeconds, target: target?.target.expression)
    return Step(
        id: Recorder.add(
            "waitForPort",
            Recorder.Entry(
                name: name, kind: .work(Work(spec)), policy: Policy(nil, nil, onFailure), after: after, site: Site(file, line))))
}

extension Duration {
    /// Rounded up; what no step can wait for is refused when the flow is loaded.
    fileprivate var wholeSeconds: Int { Int(exactly: min(inSeconds, 1e15).rounded(.up)) ?? 0 }
}
