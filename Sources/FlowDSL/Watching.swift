internal import FlowModel

/// What a wait for a port or a machine hands out.
public struct WatchResult: Codable, Hashable, Sendable {
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

/// What a machine is waited for to do.
public enum MachineState: Sendable {
    case answers
    /// It does not answer.
    case silent
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
) -> Step<WatchResult> {
    let span = WatchSpan(answers: state == .open, interval, timeout)
    let spec = WaitForPortSpec(endpoint: endpoint.expression, span: span, target: target?.target.expression)
    return watch("waitForPort", name, spec, onFailure, after, Site(file, line))
}

/// Waits until a machine answers, or until it no longer does; fails when that has not come within `timeout`, and says the last answer.
///
/// `host` is an address or name. It is asked by ICMP where the machine that looks has a `ping` that may; else at the port of ssh, where also a refusal
/// is an answer. All else is as for `waitForPort`.
@discardableResult
public func ping(
    _ name: String, _ host: Text, until state: MachineState = .answers, from target: (any Target)? = nil, every interval: Duration = .seconds(2),
    timeout: Duration = .minutes(5), onFailure: OnFailure = .stop, after: [any StepHandle] = [], file: String = #fileID, line: Int = #line
) -> Step<WatchResult> {
    let span = WatchSpan(answers: state == .answers, interval, timeout)
    return watch("ping", name, PingSpec(host: host.expression, span: span, target: target?.target.expression), onFailure, after, Site(file, line))
}

private func watch(
    _ verb: String, _ name: String, _ spec: any WorkSpec, _ onFailure: OnFailure, _ after: [any StepHandle], _ site: Site
) -> Step<WatchResult> {
    Step(
        id: Recorder.add(
            verb, Recorder.Entry(name: name, kind: .work(Work(spec)), policy: Policy(nil, nil, onFailure), after: after, site: site)))
}

extension WatchSpan {
    fileprivate init(answers: Bool, _ interval: Duration, _ timeout: Duration) {
        self.init(answers: answers, intervalSeconds: interval.wholeSeconds, timeoutSeconds: timeout.wholeSeconds)
    }
}

extension Duration {
    /// Rounded up; what no step can wait for is refused when the flow is loaded.
    fileprivate var wholeSeconds: Int { Int(exactly: min(inSeconds, 1e15).rounded(.up)) ?? 0 }
}
