/// A part of a flow's body: a step, or a block of steps.
///
/// A flow whose value others use says what it is: `var body: some FlowBody<ShellOutput<Machine>>`.
public protocol FlowBody<Output>: Sendable {
    /// What the last step of it hands out: the element of a map's value.
    associatedtype Output: Decodable & Sendable

    /// Which step that is.
    var end: BodyEnd { get }
}

/// Names the step that a body ends with.
public struct BodyEnd: Sendable {
    let node: String?
}

/// A block of steps, or none.
public struct Block: FlowBody {
    @usableFromInline init() {}

    public typealias Output = NoValue
    public var end: BodyEnd { BodyEnd(node: nil) }
}

/// A block behind a Swift `if`.
extension Optional: FlowBody where Wrapped: FlowBody {
    public typealias Output = NoValue
    public var end: BodyEnd { BodyEnd(node: nil) }
}

/// The blocks of a Swift `if … else`.
public struct EitherBody<First: FlowBody, Second: FlowBody>: FlowBody {
    public typealias Output = NoValue
    public var end: BodyEnd { BodyEnd(node: nil) }
}

/// The value of a step that hands out nothing.
public struct NoValue: Codable, Hashable, Sendable {
    public init() {}
    // Anything decodes as no value: what the engine keeps for such a step is null.
    public init(from decoder: any Decoder) throws {}
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encodeNil()
    }
}

/// Builds bodies. Steps register themselves; the builder only carries the type of the last one.
@resultBuilder
public enum FlowBuilder {
    public static func buildExpression<Part: FlowBody>(_ part: Part) -> Part { part }
    /// A call of a function of yours that registers steps.
    public static func buildExpression(_ part: Void) -> Block { Block() }
    @available(*, unavailable, message: "this is not a step; a body consists of steps such as shell, step and approval")
    public static func buildExpression<Other>(_ other: Other) -> Block { Block() }

    public static func buildBlock() -> Block { Block() }
    public static func buildPartialBlock<Part: FlowBody>(first: Part) -> Part { first }
    public static func buildPartialBlock<Part: FlowBody>(accumulated: some FlowBody, next: Part) -> Part { next }
    public static func buildOptional<Part: FlowBody>(_ part: Part?) -> Part? { part }
    public static func buildEither<First: FlowBody, Second: FlowBody>(first part: First) -> EitherBody<First, Second> {
        EitherBody()
    }
    public static func buildEither<First: FlowBody, Second: FlowBody>(second part: Second) -> EitherBody<First, Second> {
        EitherBody()
    }
    public static func buildArray(_ parts: [some FlowBody]) -> Block { Block() }
}
