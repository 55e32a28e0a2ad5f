internal import FlowModel

/// What a fetch hands out.
public struct FetchResult: Codable, Hashable, Sendable {
    /// What the artifact is called.
    public var name: String
    public var sha256: String
    public var bytes: Int
    /// Stands for the file where a later step takes one of this machine: `copy(from: log.file)`, `body: .file("\\(log.file)")`.
    public var file: String
}

/// Brings a file of a target in, as an artifact of the run.
///
/// What comes is one state of the file: the host makes a copy first, and keeps it until all has arrived, over lost connections and restarts. The
/// artifact stays as long as the run does; `flowctl artifacts RUN` lists and downloads it. It is kept as it is: secrets in it are not masked.
///
/// `path` is absolute. Inside a map over hosts it is on that map's host unless `on:` says otherwise. `artifact` is what it is called, the name of the
/// file unless given. A file of more than `maxBytes` (64 MiB; 256 MiB at most) is not fetched, and the step fails. To read changes nothing: an attempt
/// that is lost is repeated.
@discardableResult
public func fetch(
    _ name: String, _ path: Text, on target: (any Target)? = nil, as account: Text? = nil, artifact: Text? = nil,
    maxBytes: Int = 64 << 20, retry: RetryPolicy? = nil, timeout: Duration? = nil, lock: Lock? = nil, limit: Limit? = nil,
    onFailure: OnFailure = .stop, after: [any StepHandle] = [], file: String = #fileID, line: Int = #line
) -> Step<FetchResult> {
    let host = target?.target.expression ?? Recorder.current?.change { $0.hostElement }
    let spec = FetchSpec(
        path: path.expression, target: host, account: account?.expression, artifact: artifact?.expression, maxBytes: maxBytes)
    let policy = Policy(retry, timeout, onFailure).claiming(lock, limit)
    let entry = Recorder.Entry(name: name, kind: .work(Work(spec)), policy: policy, after: after, site: Site(file, line))
    return Step(id: Recorder.add("fetch", entry))
}
