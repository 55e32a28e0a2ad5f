internal import FlowModel
internal import Synchronization

/// Runs a closure in the flow's own process, with the values of its inputs.
///
///     let report = step("report", build, $version) { context, build, version in
///         context.log("released \(version)")
///         return ["digest": build.sha256]
///     }
///
/// What it returns is what the step hands out. Throwing fails the attempt. It is cancelled as a task is. `undo:` holds the steps that take
/// back what it did.
@discardableResult
public func step<each Input: Reference, Output: Codable & Sendable>(
    _ name: String, _ inputs: repeat each Input, retry: RetryPolicy? = nil, timeout: Duration? = nil,
    lock: Lock? = nil, limit: Limit? = nil, onFailure: OnFailure = .stop, after: [any StepHandle] = [], file: String = #fileID, line: Int = #line,
    _ work: @escaping @Sendable (StepContext, repeat (each Input).Value) async throws -> Output,
    @FlowBuilder undo: (Step<Output>) -> any FlowBody = { _ in Block() }
) -> Step<Output> {
    var expressions: [Expression] = []
    for input in repeat each inputs { expressions.append(input.reference.expression) }
    let call = SwiftStepCall(
        name: name, inputs: expressions, policy: Policy(retry, timeout, onFailure).claiming(lock, limit), after: after,
        site: Site(file, line))
    let step: Step<Output> = call.record(shape: ShapeProbe.shape(of: Output.self)) { context, inputs in
        try JSON(encoding: await work(context, repeat try inputs.next((each Input).self)))
    }
    Undoing.record(step.id, named: name, call.site) { undo(step) }
    return step
}

/// Runs a closure that hands out nothing.
@discardableResult
public func step<each Input: Reference>(
    _ name: String, _ inputs: repeat each Input, retry: RetryPolicy? = nil, timeout: Duration? = nil,
    lock: Lock? = nil, limit: Limit? = nil, onFailure: OnFailure = .stop, after: [any StepHandle] = [], file: String = #fileID, line: Int = #line,
    _ work: @escaping @Sendable (StepContext, repeat (each Input).Value) async throws -> Void,
    @FlowBuilder undo: (Step<NoValue>) -> any FlowBody = { _ in Block() }
) -> Step<NoValue> {
    var expressions: [Expression] = []
    for input in repeat each inputs { expressions.append(input.reference.expression) }
    let call = SwiftStepCall(
        name: name, inputs: expressions, policy: Policy(retry, timeout, onFailure).claiming(lock, limit), after: after,
        site: Site(file, line))
    let step: Step<NoValue> = call.record(shape: nil) { context, inputs in
        try await work(context, repeat try inputs.next((each Input).self))
        return .null
    }
    Undoing.record(step.id, named: name, call.site) { undo(step) }
    return step
}

/// A closure whose value cannot be handed out. Without this, the compiler would take it for one that hands out nothing.
@available(*, deprecated, message: "what a step returns must be Codable and Sendable")
@discardableResult
public func step<each Input: Reference, Output>(
    _ name: String, _ inputs: repeat each Input, retry: RetryPolicy? = nil, timeout: Duration? = nil,
    lock: Lock? = nil, limit: Limit? = nil, onFailure: OnFailure = .stop, after: [any StepHandle] = [], file: String = #fileID, line: Int = #line,
    _ work: @escaping @Sendable (StepContext, repeat (each Input).Value) async throws -> Output,
    @FlowBuilder undo: (Step<NoValue>) -> any FlowBody = { _ in Block() }
) -> Step<NoValue> {
    Recorder.complain(
        name, "step '\(name)' returns \(Output.self), which is not Codable and Sendable and so cannot be handed out",
        Site(file, line))
    return Step(id: name)
}

private struct SwiftStepCall {
    let name: String
    let inputs: [Expression]
    let policy: Policy
    let after: [any StepHandle]
    let site: Site

    func record<Output>(shape: TypeShape?, _ work: @escaping Recorder.Work) -> Step<Output> {
        Step(
            id: Recorder.add(
                "step",
                Recorder.Entry(
                    name: name, kind: .step(SwiftStepSpec(inputs: inputs)), policy: policy, output: shape, after: after,
                    work: work, site: site)))
    }
}

/// What a Swift step knows of its attempt.
public struct StepContext: Sendable {
    public let runID: String
    /// Its path in the run: `deploy[web-1]/report`.
    public let step: String
    /// Counted from 1.
    public let attempt: Int
    public let generation: Int
    /// The host of the map that the step stands in, if any.
    public let target: String?
    /// Constant over the attempts of one generation: hand it to services that can tell repetitions.
    public let idempotencyKey: String
    let write: @Sendable (String) -> Void

    /// Writes a line to the step's output.
    public func log(_ text: String) { write(text) }
}

/// The values of a step's inputs, taken in order.
final class StepInputs: Sendable {
    private let values: [JSON]
    private let taken = Mutex(0)

    init(_ values: [JSON]) { self.values = values }

    func next<Input: Reference>(_ type: Input.Type) throws -> Input.Value {
        let index = taken.withLock { taken in
            defer { taken += 1 }
            return taken
        }
        guard values.indices.contains(index) else {
            throw StepFault("input \(index + 1) is missing: the request names \(values.count) inputs")
        }
        do {
            return try values[index].decode(as: Input.Value.self)
        } catch {
            throw StepFault("input \(index + 1), \(values[index].typeName), is not a \(Input.Value.self): \(error)")
        }
    }
}

/// Why a step could not do its work.
struct StepFault: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}

/// The step whose closure runs on this task, to catch what makes sense in a flow's body only.
final class RunningStep: Sendable {
    @TaskLocal static var current: RunningStep?

    private let fault = Mutex<String?>(nil)

    func note(_ message: String) { fault.withLock { $0 = $0 ?? message } }

    /// The first mistake that was made, as an error.
    func check() throws {
        if let message = fault.withLock({ $0 }) { throw StepFault(message) }
    }
}
