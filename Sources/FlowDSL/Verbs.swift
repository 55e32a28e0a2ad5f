internal import FlowModel

// MARK: - Copies

/// What a copy hands out.
public struct CopyResult: Codable, Hashable, Sendable {
    /// Whether the file was another one before.
    public var changed: Bool
    public var sha256: String
    public var bytes: Int
}

/// Copies a file to a target, unless the same is there already; replaces it in one step. 64 MiB at most.
///
/// `from` is a file on the engine's machine, or one that a step has fetched (`log.file`), `to` one on the target; both paths are absolute. Inside a map over hosts it goes to that map's
/// host unless `on:` says otherwise. `mode` is octal, such as `"0644"`; unless given, a file that is replaced keeps its own, and a new one gets
/// that of the source.
@discardableResult
public func copy(
    _ name: String, from: Text, to: Text, on target: (any Target)? = nil, as account: Text? = nil, mode: String? = nil,
    retry: RetryPolicy? = nil, timeout: Duration? = nil, lock: Lock? = nil, limit: Limit? = nil, onFailure: OnFailure = .stop,
    after: [any StepHandle] = [], file: String = #fileID, line: Int = #line,
    @FlowBuilder undo: (Step<CopyResult>) -> any FlowBody = { _ in Block() }
) -> Step<CopyResult> {
    let host = target?.target.expression ?? Recorder.current?.change { $0.hostElement }
    let spec = CopySpec(
        from: from.expression, to: to.expression, target: host, account: account?.expression, mode: mode)
    let site = Site(file, line)
    let step = Step<CopyResult>(
        id: Recorder.add(
            "copy",
            Recorder.Entry(
                name: name, kind: .copy(spec), policy: Policy(retry, timeout, onFailure).claiming(lock, limit), after: after, site: site)))
    Undoing.record(step.id, named: name, site) { undo(step) }
    return step
}

/// Copies the file that a reference names.
@discardableResult
public func copy(
    _ name: String, from: some Reference<String>, to: Text, on target: (any Target)? = nil, as account: Text? = nil,
    mode: String? = nil, retry: RetryPolicy? = nil, timeout: Duration? = nil, lock: Lock? = nil, limit: Limit? = nil,
    onFailure: OnFailure = .stop, after: [any StepHandle] = [], file: String = #fileID, line: Int = #line,
    @FlowBuilder undo: (Step<CopyResult>) -> any FlowBody = { _ in Block() }
) -> Step<CopyResult> {
    copy(
        name, from: Text(from), to: to, on: target, as: account, mode: mode, retry: retry, timeout: timeout,
        lock: lock, limit: limit, onFailure: onFailure, after: after, file: file, line: line, undo: undo)
}

// MARK: - Sleep

/// Waits. It costs no worker, and lasts over restarts.
@discardableResult
public func sleep(
    _ name: String, _ duration: Duration, after: [any StepHandle] = [], file: String = #fileID, line: Int = #line
) -> Step<NoValue> {
    Step(
        id: Recorder.add(
            "sleep",
            Recorder.Entry(
                name: name, kind: .sleep(.literal(.double(duration.inSeconds))), after: after, site: Site(file, line))))
}

/// Waits until a moment: RFC 3339 in UTC such as `2026-02-01T13:40:00Z`, or a reference to one.
@discardableResult
public func sleep(
    _ name: String, until moment: Text, after: [any StepHandle] = [], file: String = #fileID, line: Int = #line
) -> Step<NoValue> {
    Step(
        id: Recorder.add(
            "sleep",
            Recorder.Entry(name: name, kind: .sleepUntil(moment.expression), after: after, site: Site(file, line))))
}

// MARK: - Signals

/// Waits for a message from outside (`flowctl signal RUN NAME JSON`); what comes with it is what the step hands out.
///
/// Messages that came before are kept, oldest first, and each goes to one step. With a `timeout` the step fails when none comes.
@discardableResult
public func waitFor<Message: Decodable & Sendable>(
    _ name: String, signal: String? = nil, as message: Message.Type, timeout: Duration? = nil, onFailure: OnFailure = .stop,
    after: [any StepHandle] = [], file: String = #fileID, line: Int = #line
) -> Step<Message> {
    let spec = SignalSpec(signal: signal ?? name, timeoutSeconds: timeout?.inSeconds)
    return Step(
        id: Recorder.add(
            "waitFor",
            Recorder.Entry(
                name: name, kind: .waitFor(spec), policy: Policy(nil, nil, onFailure), output: ShapeProbe.shape(of: Message.self), after: after,
                site: Site(file, line))))
}

/// Waits for a message that carries nothing.
@discardableResult
public func waitFor(
    _ name: String, signal: String? = nil, timeout: Duration? = nil, onFailure: OnFailure = .stop, after: [any StepHandle] = [],
    file: String = #fileID, line: Int = #line
) -> Step<NoValue> {
    let spec = SignalSpec(signal: signal ?? name, timeoutSeconds: timeout?.inSeconds)
    return Step(
        id: Recorder.add(
            "waitFor",
            Recorder.Entry(
                name: name, kind: .waitFor(spec), policy: Policy(nil, nil, onFailure), after: after, site: Site(file, line))))
}

// MARK: - The run

/// Facts of the run, as references.
public struct RunFacts: Sendable {
    public var id: Ref<String> { Ref(.run(.id)) }
    public var flow: Ref<String> { Ref(.run(.flow)) }
    /// The user who started it.
    public var actor: Ref<String> { Ref(.run(.actor)) }
    public var startedAt: Ref<String> { Ref(.run(.startedAt)) }
    /// `succeeded`, `failed` or `cancelled`; known in `finally` only.
    public var outcome: Ref<String> { Ref(.run(.outcome)) }
}

/// The run that the flow is executed as.
public let run = RunFacts()
