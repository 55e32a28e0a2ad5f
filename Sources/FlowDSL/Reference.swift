internal import FlowModel

/// Something that has a value when the run gets there: a step, a parameter, a member of one, an element of a map.
///
/// While the plan is made it has none; using it makes the edge from the step that gives it to the one that uses it.
public protocol Reference<Value>: Sendable {
    associatedtype Value: Decodable & Sendable
    var reference: Ref<Value> { get }
}

/// A typed reference. Members of the value are references too: `build.sha256`.
@dynamicMemberLookup
public struct Ref<Value: Decodable & Sendable>: Reference {
    let expression: Expression

    init(_ expression: Expression) { self.expression = expression }

    public var reference: Ref<Value> { self }

    /// A stored property of the value.
    public subscript<Member: Decodable & Sendable>(
        dynamicMember keyPath: KeyPath<Value, Member>
    ) -> Ref<Member> {
        Ref<Member>(expression.member(keyPath, of: Value.self))
    }

    /// A stored property of an optional value; absent when the value is.
    public subscript<Wrapped: Decodable & Sendable, Member: Decodable & Sendable>(
        dynamicMember keyPath: KeyPath<Wrapped, Member>
    ) -> Ref<Member?> where Value == Wrapped? {
        Ref<Member?>(expression.member(keyPath, of: Wrapped.self))
    }

    /// The value under `key`; absent when there is none.
    public subscript<Element: Decodable & Sendable>(key: String) -> Ref<Element> where Value == [String: Element] {
        Ref<Element>(expression.member(key))
    }

    /// The value, or none when its step was skipped or failed and was ignored. Without it, the step that reads it is skipped.
    public var optional: Ref<Value?> { Ref<Value?>(.optional(expression)) }
}

extension Ref where Value: Encodable {
    /// The value, or `other` when its step was skipped or failed and was ignored.
    public func `default`(_ other: Value, file: String = #fileID, line: Int = #line) -> Ref<Value> {
        Ref(.fallback(expression, .constant(other, Site(file, line))))
    }
}

extension Ref {
    /// The value, or `other` when there is none.
    public func `default`<Wrapped: Codable & Sendable>(
        _ other: Wrapped, file: String = #fileID, line: Int = #line
    ) -> Ref<Wrapped> where Value == Wrapped? {
        Ref<Wrapped>(.fallback(expression, .constant(other, Site(file, line))))
    }
}

extension Expression {
    /// The expression for a member of what this one gives.
    func member(_ name: String) -> Expression {
        switch self {
        case .output(let node, let path): return .output(node: node, path: path + [name])
        case .element(let map, let path): return .element(map: map, path: path + [name])
        case .optional(let inner): return .optional(inner.member(name))
        default:
            Recorder.complain(
                "member", "a member can be read of what a step hands out and of a map's element, not of a computed value", nil)
            return self
        }
    }

    fileprivate func member<Root: Decodable, Member>(
        _ keyPath: KeyPath<Root, Member>, of root: Root.Type
    ) -> Expression {
        do {
            return member(try ShapeProbe.member(of: keyPath))
        } catch {
            Recorder.complain("member", error.message, nil)
            return self
        }
    }

    /// The expression for a Swift value that is known now.
    static func constant(_ value: some Encodable, _ site: Site?) -> Expression {
        do {
            return .literal(try JSON(encoding: value))
        } catch {
            Recorder.complain("value", "the value \(value) cannot be written as JSON: \(error)", site)
            return .literal(.null)
        }
    }
}
