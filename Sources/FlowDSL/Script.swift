internal import FlowModel

/// An argument of a script: a text, a number, a Bool, or a reference. Lists and structs arrive as JSON.
public protocol Argument: Sendable {
    var argument: Text { get }
}

extension String: Argument {
    public var argument: Text { Text(self) }
}
extension Int: Argument {
    public var argument: Text { Text(String(self)) }
}
extension Double: Argument {
    public var argument: Text { Text(String(self)) }
}
extension Bool: Argument {
    public var argument: Text { Text(String(self)) }
}
extension Text: Argument {
    public var argument: Text { self }
}
extension Ref: Argument {}
extension Step: Argument {}
extension ShellStep: Argument {}
extension HostReference: Argument {}
extension Argument where Self: Reference {
    public var argument: Text { Text(expression: reference.expression) }
}

extension Text {
    init(expression: Expression) { self.expression = expression }
}

/// The language of a script.
public enum Interpreter: Sendable {
    case sh, bash, python
}

/// Runs a script file, embedded in the plan when the flow is loaded. Its arguments are `$1`, `$2` … (`sys.argv[1:]`).
///
/// `path` is relative to the flow file and stays within its folder or repository; nothing is embedded whose name, or folder's name, begins
/// with a dot, also not by way of a link. `flowctl flow check` says what is embedded. `.sh`, `.bash` and `.py` say the language;
/// any other name needs `interpreter:`.
@discardableResult
public func script(
    _ name: String, file path: String, _ arguments: any Argument..., interpreter: Interpreter? = nil,
    on target: (any Target)? = nil, as account: Text? = nil, env: [String: Text] = [:], workdir: Text? = nil,
    retry: RetryPolicy? = nil, timeout: Duration? = nil, effect: Effect = .atMostOnce, lock: Lock? = nil, limit: Limit? = nil,
    onFailure: OnFailure = .stop, after: [any StepHandle] = [], sourceFile: String = #fileID, line: Int = #line,
    @FlowBuilder undo: (ShellStep<ShellResult, ShellResult>) -> any FlowBody = { _ in Block() }
) -> ShellStep<ShellResult, ShellResult> {
    let call = ShellCall(target: target, account: account, env: env, workdir: workdir)
    let site = Site(sourceFile, line)
    let spec = call.spec(ofFile: path, arguments, interpreter, named: name, site)
    let id = Recorder.add(
        "script",
        Recorder.Entry(
            name: name, kind: .shell(spec), policy: Policy(retry, timeout, onFailure, effect, for: spec, named: name, site).claiming(lock, limit),
            after: after, site: site))
    let step = ShellStep<ShellResult, ShellResult>(id: id, path: [])
    Undoing.record(id, named: name, site) { undo(step) }
    return step
}

/// Runs a script file that writes a value of type `Output` to `$FLOW_OUTPUT`.
@discardableResult
public func script<Output: Decodable & Sendable>(
    _ name: String, file path: String, _ arguments: any Argument..., interpreter: Interpreter? = nil,
    on target: (any Target)? = nil, as account: Text? = nil, env: [String: Text] = [:], workdir: Text? = nil,
    retry: RetryPolicy? = nil, timeout: Duration? = nil, effect: Effect = .atMostOnce, output: Output.Type,
    lock: Lock? = nil, limit: Limit? = nil, onFailure: OnFailure = .stop, after: [any StepHandle] = [], sourceFile: String = #fileID,
    line: Int = #line, @FlowBuilder undo: (ShellStep<Output, ShellOutput<Output>>) -> any FlowBody = { _ in Block() }
) -> ShellStep<Output, ShellOutput<Output>> {
    let call = ShellCall(target: target, account: account, env: env, workdir: workdir)
    let site = Site(sourceFile, line)
    let spec = call.spec(ofFile: path, arguments, interpreter, named: name, site)
    let id = Recorder.add(
        "script",
        Recorder.Entry(
            name: name, kind: .shell(spec), policy: Policy(retry, timeout, onFailure, effect, for: spec, named: name, site).claiming(lock, limit),
            output: ShapeProbe.shellOutput(of: Output.self, step: name, site), after: after, site: site))
    let step = ShellStep<Output, ShellOutput<Output>>(id: id, path: ["value"])
    Undoing.record(id, named: name, site) { undo(step) }
    return step
}

extension ShellCall {
    fileprivate func spec(
        ofFile path: String, _ arguments: [any Argument], _ interpreter: Interpreter?, named name: String, _ site: Site
    ) -> ShellSpec {
        var spec = spec(
            source: .asset(Recorder.embed(path)), interpreter: language(of: path, interpreter, named: name, site))
        spec.arguments = arguments.map(\.argument.expression)
        return spec
    }

    private func language(
        of path: String, _ interpreter: Interpreter?, named name: String, _ site: Site
    ) -> ShellSpec.Interpreter {
        switch interpreter {
        case .sh: return .sh
        case .bash: return .bash
        case .python: return .python
        case nil: break
        }
        let languages: [String: ShellSpec.Interpreter] = ["sh": .sh, "bash": .bash, "py": .python]
        let ending = path.split(separator: ".").last.map(String.init) ?? ""
        if let language = languages[ending] { return language }
        Recorder.complain(
            name, "the name '\(path)' does not say its language; give interpreter: .sh, .bash or .python", site)
        return .sh
    }
}

extension Recorder {
    /// Notes that a file is to be embedded. The loader reads it; until then its number stands for its digest.
    static func embed(_ path: String) -> Digest {
        guard let current else { return .placeholder(0) }
        return current.change { state in
            if let asset = state.assets.first(where: { $0.name == path }) { return asset.digest }
            let digest = Digest.placeholder(state.assets.count)
            state.assets.append(Asset(name: path, digest: digest, bytes: 0))
            return digest
        }
    }
}

extension Digest {
    fileprivate static func placeholder(_ number: Int) -> Digest {
        Digest(bytes: (0..<32).map { $0 < 24 ? 0 : UInt8(truncatingIfNeeded: number >> (8 * (31 - $0))) })
    }
}
