/// What a step does on a worker: one kind of work, with the values of one step.
///
/// Engine, loading, rendering and documents ask it, and know no kind by its name. A new kind is a type here and its line in `WorkKinds`, a verb in
/// `FlowDSL`, an executor in `Workers` and a page in `docs/reference/steps/`: docs/internals/adding-a-work-kind.md.
package protocol WorkSpec: Hashable, Sendable, Codable {
    /// Its word in plans, on the wire and in docs: letters, beginning with a small one.
    static var kind: String { get }

    /// Every value that it is made of, always in one order: what a step needs is named in the order in which it is read.
    var expressions: [Expression] { get }
    /// Names the one host that it runs on, or a selector that gives one; nil: this machine.
    var target: Expression? { get }
    /// What an approval before it is bound to, beside what is constant: the digest that people vote for has these values, as far as they are known when
    /// it is asked.
    var bound: [Expression] { get }

    /// What a worker is told.
    func order(_ values: WorkValues) throws(EvaluationError) -> any WorkOrder
    /// It runs in the flow's own binary, which the run must have.
    var needsFlowBinary: Bool { get }

    /// The shape of what it hands out; nil for nothing.
    /// - Parameter declared: what the step declares of it, if it declares something.
    func outputShape(declared: TypeShape?) -> TypeShape?
    /// The shape of what a person says of its output who resolves it; nil: nothing is known of it.
    func givenShape(declared: TypeShape?) -> TypeShape?
    /// What it hands out when a person or its probe says that it succeeded, as far as that can be known.
    /// - Parameter given: what the person says of it.
    func assumedOutput(_ given: JSON?) -> JSON
    /// Reads the file that it keeps with the run out of what it hands out; nil: it keeps none.
    static var artifact: (@Sendable (JSON) -> Artifact?)? { get }
    /// What it hands out in a rehearsal, where nothing is carried out; `TypeShape.invented` makes values up.
    /// - Parameters:
    ///   - step: the name of the step, for texts that are made up.
    ///   - declared: what the step declares of its output, if it declares something.
    ///   - given: what whoever rehearses says of it, of `givenShape`.
    func rehearsedOutput(of step: String, declared: TypeShape?, given: JSON?) -> JSON
    /// Why no attempt that succeeds hands this out, which has the shape of its output; nil: one can.
    func rehearsedOutputFault(_ output: JSON) -> String?
    /// Whether an attempt that hands this out says that it changed something; nil: it says nothing of that.
    func rehearsedChange(_ output: JSON) -> Bool?
    /// How an attempt fails in a rehearsal that wants it to fail with this status.
    func rehearsedFailure(status: Int) -> AttemptResult.Failure
    /// The status with which it fails where a rehearsal says none.
    var rehearsedStatus: Int { get }
    /// What is wrong with failing with this status; nil: it can.
    func rehearsedStatusFault(_ status: Int) -> String?
    /// How an attempt ends of which nobody answers what it asks (`WorkOrder.peer`); nil: as one that succeeds.
    /// - Parameter peer: who does not answer, for people.
    func rehearsedSilence(of peer: String) -> AttemptResult.Outcome?
    /// After how many seconds it gives up by itself; nil: its step's time-out ends it.
    var ownSeconds: Double? { get }
    /// How an attempt ends that took too long.
    func rehearsedTimeOut(seconds: Double) -> AttemptResult.Outcome
    /// Another command can say whether a lost attempt took effect.
    var canBeProbed: Bool { get }
    /// It changes nothing: a lost attempt may be repeated without anybody's leave.
    var isRepeatable: Bool { get }

    /// Seconds after which its host ends an attempt where the step has no time-out; nil: never.
    var longestSeconds: Double? { get }

    /// What is wrong with it as it stands in the plan, each as a sentence about its step: what workers and engine rely on.
    func faults(in plan: Plan) -> [String]
    /// The same of what only its author gets wrong: told together with all other mistakes of the flow.
    var mistakes: [String] { get }
    /// The files of the plan that it takes, and the same work with others in their place.
    var assets: [Digest] { get }
    func replacing(assets: [Digest: Digest]) -> Self

    /// Its part of the step's line in `flowctl plan`; nil: nothing beside its name.
    func summary(_ words: any ExpressionWords) -> String?
    /// What stands beneath that line.
    func details(in plan: Plan, _ words: any ExpressionWords) -> [String]
}

/// Says expressions to people.
package protocol ExpressionWords {
    /// As part of a text.
    func text(_ expression: Expression) -> String
    /// As a word of a command.
    func word(_ expression: Expression) -> String
}

/// What most kinds say.
extension WorkSpec {
    package var target: Expression? { nil }
    package var bound: [Expression] { expressions }
    package var needsFlowBinary: Bool { false }
    package func givenShape(declared: TypeShape?) -> TypeShape? { outputShape(declared: declared) }
    package func assumedOutput(_ given: JSON?) -> JSON { given ?? .null }
    package static var artifact: (@Sendable (JSON) -> Artifact?)? { nil }
    package func rehearsedOutput(of step: String, declared: TypeShape?, given: JSON?) -> JSON {
        given.map(assumedOutput) ?? outputShape(declared: declared)?.invented(as: step) ?? .null
    }
    package func rehearsedOutputFault(_ output: JSON) -> String? { nil }
    package func rehearsedChange(_ output: JSON) -> Bool? { nil }
    package func rehearsedFailure(status: Int) -> AttemptResult.Failure { AttemptResult.Failure(.exitStatus, "it failed") }
    package var rehearsedStatus: Int { 1 }
    package func rehearsedStatusFault(_ status: Int) -> String? { "is a \(Self.kind), which has no status of its own to fail with, found \(status)" }
    package func rehearsedSilence(of peer: String) -> AttemptResult.Outcome? { nil }
    package var ownSeconds: Double? { nil }
    package func rehearsedTimeOut(seconds: Double) -> AttemptResult.Outcome { .timedOut }
    package var canBeProbed: Bool { false }
    package var isRepeatable: Bool { false }
    package var longestSeconds: Double? { nil }
    package func faults(in plan: Plan) -> [String] { [] }
    package var mistakes: [String] { [] }
    package var assets: [Digest] { [] }
    package func replacing(assets: [Digest: Digest]) -> Self { self }
    package func details(in plan: Plan, _ words: any ExpressionWords) -> [String] { [] }
}

extension WorkSpec {
    package func isEqual(to other: any WorkSpec) -> Bool { (other as? Self) == self }
}
