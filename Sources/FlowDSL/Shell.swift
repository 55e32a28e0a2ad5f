internal import FlowModel

/// What a command or script hands out.
public struct ShellResult: Codable, Hashable, Sendable {
    public var exitStatus: Int
    /// Its standard output, without the newlines at its end. A step that reads it fails where it had more than 64 KiB; in the list that a
    /// map hands out it is the beginning then, and `stdoutTruncated` is true.
    public var stdout: String
    public var stdoutTruncated: Bool?
    /// What it said of itself with `changed=true` in `$FLOW_OUTPUT`.
    public var changed: Bool
}

/// What a command or script with a declared output hands out.
public struct ShellOutput<Value: Decodable & Sendable>: Decodable, Sendable {
    public var exitStatus: Int
    /// As in `ShellResult`.
    public var stdout: String
    public var stdoutTruncated: Bool?
    public var changed: Bool
    /// What it wrote to `$FLOW_OUTPUT`.
    public var value: Value
}

/// A command or script, as a reference to its result. Members of a declared `output:` are members of the step.
@dynamicMemberLookup
public struct ShellStep<Value: Decodable & Sendable, Whole: Decodable & Sendable>: Reference, StepHandle, FlowBody {
    public typealias Output = Whole
    let id: String
    let path: [String]

    public var reference: Ref<Value> { Ref(.output(node: id, path: path)) }
    public var end: BodyEnd { BodyEnd(node: id) }

    public var exitStatus: Ref<Int> { Ref(.output(node: id, path: ["exitStatus"])) }
    public var stdout: Ref<String> { Ref(.output(node: id, path: ["stdout"])) }
    public var changed: Ref<Bool> { Ref(.output(node: id, path: ["changed"])) }

    /// A stored property of the declared output.
    public subscript<Member: Decodable & Sendable>(
        dynamicMember keyPath: KeyPath<Value, Member>
    ) -> Ref<Member> {
        reference[dynamicMember: keyPath]
    }

    /// The value, or none when the step was skipped or failed and was ignored.
    public var optional: Ref<Value?> { reference.optional }
}

extension ShellStep where Value: Encodable {
    /// The value, or `other` when the step was skipped or failed and was ignored.
    public func `default`(_ other: Value, file: String = #fileID, line: Int = #line) -> Ref<Value> {
        reference.default(other, file: file, line: line)
    }
}

/// Runs a command with `/bin/sh`, here or on a host.
///
/// It runs under `set -eu` with a clean environment, in a folder of its own unless `workdir` says otherwise. Exit status 0 is
/// success. `account` runs it through `sudo -n`. `effect` says what happens when the outcome of an attempt is lost. `undo` holds the steps
/// that take back what it did, for `flowctl undo`; they can read what it handed out.
@discardableResult
public func shell(
    _ name: String, _ command: Command, on target: (any Target)? = nil, as account: Text? = nil, env: [String: Text] = [:],
    workdir: Text? = nil, retry: RetryPolicy? = nil, timeout: Duration? = nil, effect: Effect = .atMostOnce,
    lock: Lock? = nil, limit: Limit? = nil, onFailure: OnFailure = .stop, after: [any StepHandle] = [], file: String = #fileID,
    line: Int = #line, @FlowBuilder undo: (ShellStep<ShellResult, ShellResult>) -> any FlowBody = { _ in Block() }
) -> ShellStep<ShellResult, ShellResult> {
    let call = ShellCall(target: target, account: account, env: env, workdir: workdir)
    let site = Site(file, line)
    let spec = call.spec(of: command, named: name)
    let policy = Policy(retry, timeout, onFailure, effect, for: spec, named: name, site).claiming(lock, limit)
    let id = Recorder.add("shell", Recorder.Entry(name: name, kind: .shell(spec), policy: policy, after: after, site: site))
    let step = ShellStep<ShellResult, ShellResult>(id: id, path: [])
    Undoing.record(id, named: name, site) { undo(step) }
    return step
}

/// Runs a command that writes a value of type `Output` to `$FLOW_OUTPUT`: a JSON object, or lines of `name=value`.
@discardableResult
public func shell<Output: Decodable & Sendable>(
    _ name: String, _ command: Command, on target: (any Target)? = nil, as account: Text? = nil, env: [String: Text] = [:],
    workdir: Text? = nil, retry: RetryPolicy? = nil, timeout: Duration? = nil, effect: Effect = .atMostOnce,
    output: Output.Type, lock: Lock? = nil, limit: Limit? = nil, onFailure: OnFailure = .stop, after: [any StepHandle] = [],
    file: String = #fileID, line: Int = #line,
    @FlowBuilder undo: (ShellStep<Output, ShellOutput<Output>>) -> any FlowBody = { _ in Block() }
) -> ShellStep<Output, ShellOutput<Output>> {
    let site = Site(file, line)
    let call = ShellCall(target: target, account: account, env: env, workdir: workdir)
    let spec = call.spec(of: command, named: name)
    let id = Recorder.add(
        "shell",
        Recorder.Entry(
            name: name, kind: .shell(spec), policy: Policy(retry, timeout, onFailure, effect, for: spec, named: name, site).claiming(lock, limit),
            output: ShapeProbe.shellOutput(of: Output.self, step: name, site), after: after, site: site))
    let step = ShellStep<Output, ShellOutput<Output>>(id: id, path: ["value"])
    Undoing.record(id, named: name, site) { undo(step) }
    return step
}

/// What commands and scripts have in common.
struct ShellCall {
    var target: (any Target)?
    var account: Text?
    var env: [String: Text]
    var workdir: Text?

    func spec(of command: Command, named name: String) -> ShellSpec {
        for refusal in command.refusals {
            Recorder.complain(
                name, "a value cannot stand \(refusal.reason). Quoting would not hold there; \\(raw:) inserts a text as it is",
                refusal.site)
        }
        var spec = spec(source: .text(command.text), interpreter: .sh)
        spec.variables = command.variables
        return spec
    }

    func spec(source: ShellSpec.Source, interpreter: ShellSpec.Interpreter) -> ShellSpec {
        ShellSpec(
            interpreter: interpreter, source: source, environment: env.mapValues(\.expression), workdir: workdir?.expression,
            target: target?.target.expression, account: account?.expression)
    }
}
