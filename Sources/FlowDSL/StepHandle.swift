internal import FlowModel

/// A step that others can wait for with `after:`.
public protocol StepHandle: Sendable {
    /// Its place in the flow.
    var end: BodyEnd { get }
}

extension StepHandle {
    var node: String { end.node ?? "" }
}

/// A step, as a reference to what it hands out.
@dynamicMemberLookup
public struct Step<Value: Decodable & Sendable>: Reference, StepHandle, FlowBody {
    public typealias Output = Value
    let id: String

    public var reference: Ref<Value> { Ref(.output(node: id, path: [])) }
    public var end: BodyEnd { BodyEnd(node: id) }

    /// A stored property of what the step hands out.
    public subscript<Member: Decodable & Sendable>(
        dynamicMember keyPath: KeyPath<Value, Member>
    ) -> Ref<Member> {
        reference[dynamicMember: keyPath]
    }

    /// The value, or none when the step was skipped or failed and was ignored.
    public var optional: Ref<Value?> { reference.optional }
}

extension Step where Value: Encodable {
    /// The value, or `other` when the step was skipped or failed and was ignored.
    public func `default`(_ other: Value, file: String = #fileID, line: Int = #line) -> Ref<Value> {
        reference.default(other, file: file, line: line)
    }
}
