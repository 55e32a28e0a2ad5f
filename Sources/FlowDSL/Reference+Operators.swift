internal import FlowModel

/// A reference to true or false: what `when` takes.
public typealias Condition = Ref<Bool>

public func == <Value: Encodable & Equatable>(one: some Reference<Value>, other: Value) -> Condition {
    compare(.equal, one, other)
}
public func != <Value: Encodable & Equatable>(one: some Reference<Value>, other: Value) -> Condition {
    compare(.notEqual, one, other)
}
public func < <Value: Encodable & Comparable>(one: some Reference<Value>, other: Value) -> Condition {
    compare(.less, one, other)
}
public func <= <Value: Encodable & Comparable>(one: some Reference<Value>, other: Value) -> Condition {
    compare(.lessOrEqual, one, other)
}
public func > <Value: Encodable & Comparable>(one: some Reference<Value>, other: Value) -> Condition {
    compare(.greater, one, other)
}
public func >= <Value: Encodable & Comparable>(one: some Reference<Value>, other: Value) -> Condition {
    compare(.greaterOrEqual, one, other)
}

public func == <Value: Equatable>(one: some Reference<Value>, other: some Reference<Value>) -> Condition {
    compare(.equal, one, other)
}
public func != <Value: Equatable>(one: some Reference<Value>, other: some Reference<Value>) -> Condition {
    compare(.notEqual, one, other)
}
public func < <Value: Comparable>(one: some Reference<Value>, other: some Reference<Value>) -> Condition {
    compare(.less, one, other)
}
public func <= <Value: Comparable>(one: some Reference<Value>, other: some Reference<Value>) -> Condition {
    compare(.lessOrEqual, one, other)
}
public func > <Value: Comparable>(one: some Reference<Value>, other: some Reference<Value>) -> Condition {
    compare(.greater, one, other)
}
public func >= <Value: Comparable>(one: some Reference<Value>, other: some Reference<Value>) -> Condition {
    compare(.greaterOrEqual, one, other)
}

public prefix func ! (condition: some Reference<Bool>) -> Condition {
    Condition(.not(condition.reference.expression))
}
public func && (one: some Reference<Bool>, other: some Reference<Bool>) -> Condition {
    Condition(.and(one.reference.expression, other.reference.expression))
}
public func || (one: some Reference<Bool>, other: some Reference<Bool>) -> Condition {
    Condition(.or(one.reference.expression, other.reference.expression))
}

extension Reference where Value: Collection {
    /// How many elements or characters there are.
    public var count: Ref<Int> { Ref<Int>(.count(reference.expression)) }

    /// Whether there are none.
    public var isEmpty: Condition { Condition(.compare(.equal, .count(reference.expression), .literal(.int(0)))) }
}

extension Reference {
    /// Whether the list has `element`.
    public func contains<Element: Encodable & Equatable>(
        _ element: Element, file: String = #fileID, line: Int = #line
    ) -> Condition where Value == [Element] {
        Condition(.contains(reference.expression, .constant(element, Site(file, line))))
    }

    /// Whether the list has the element.
    public func contains<Element: Equatable>(_ element: some Reference<Element>) -> Condition where Value == [Element] {
        Condition(.contains(reference.expression, element.reference.expression))
    }
}

extension Reference where Value == String {
    /// Whether `text` stands somewhere in it.
    public func contains(_ text: Text) -> Condition { Condition(.contains(reference.expression, text.expression)) }
}

private func compare<Value: Encodable>(
    _ comparison: Expression.Comparison, _ one: some Reference<Value>, _ other: Value
) -> Condition {
    // Operators cannot take a call site.
    Condition(.compare(comparison, one.reference.expression, .constant(other, nil)))
}

private func compare<Value>(
    _ comparison: Expression.Comparison, _ one: some Reference<Value>, _ other: some Reference<Value>
) -> Condition {
    Condition(.compare(comparison, one.reference.expression, other.reference.expression))
}
