internal import FlowModel

/// A type that a parameter can have. Enums of strings need not say so.
public protocol ParamValue: Codable, Sendable {
    /// How the type is written down in a plan.
    static var parameterKind: ParameterKind { get }
    /// What a reader by mistake is given while the plan is made.
    static var placeholder: Self { get }
}

/// How a parameter's type is written down in a plan.
public struct ParameterKind: Sendable {
    let kind: Parameter.Kind
}

extension String: ParamValue {
    public static var parameterKind: ParameterKind { ParameterKind(kind: .string) }
    public static var placeholder: String { "" }
}
extension Int: ParamValue {
    public static var parameterKind: ParameterKind { ParameterKind(kind: .int) }
    public static var placeholder: Int { 0 }
}
extension Double: ParamValue {
    public static var parameterKind: ParameterKind { ParameterKind(kind: .double) }
    public static var placeholder: Double { 0 }
}
extension Bool: ParamValue {
    public static var parameterKind: ParameterKind { ParameterKind(kind: .bool) }
    public static var placeholder: Bool { false }
}
extension Selector: ParamValue {
    public static var parameterKind: ParameterKind { ParameterKind(kind: .selector) }
    public static var placeholder: Selector { "" }
}
extension Array: ParamValue where Element: ParamValue {
    public static var parameterKind: ParameterKind { ParameterKind(kind: .list(Element.parameterKind.kind)) }
    public static var placeholder: [Element] { [] }
}

extension Param where Value: ParamValue {
    /// A parameter with a default.
    public init(
        wrappedValue: Value, _ help: String = "", pattern: String? = nil, choices: [Value] = [], secret: Bool = false,
        file: String = #fileID, line: Int = #line
    ) {
        self.init(
            ParameterType(kind: Value.parameterKind.kind), wrappedValue, wrappedValue, help, pattern, choices, secret,
            Site(file, line))
    }

    /// A required parameter.
    public init(
        _ help: String = "", pattern: String? = nil, choices: [Value] = [], secret: Bool = false, file: String = #fileID,
        line: Int = #line
    ) {
        self.init(
            ParameterType(kind: Value.parameterKind.kind), nil, Value.placeholder, help, pattern, choices, secret,
            Site(file, line))
    }
}

extension Param where Value: CaseIterable & RawRepresentable<String> {
    /// A choice with a default.
    public init(wrappedValue: Value, _ help: String = "", file: String = #fileID, line: Int = #line) {
        self.init(ParameterType(choicesOf: Value.self), wrappedValue, wrappedValue, help, nil, [], false, Site(file, line))
    }

    /// A required choice.
    public init(_ help: String = "", file: String = #fileID, line: Int = #line) {
        self.init(ParameterType(choicesOf: Value.self), nil, firstCase(), help, nil, [], false, Site(file, line))
    }
}

extension Param {
    /// A list of choices with a default.
    public init<Element: CaseIterable & RawRepresentable<String>>(
        wrappedValue: Value, _ help: String = "", file: String = #fileID, line: Int = #line
    ) where Value == [Element] {
        let type = ParameterType(listOfChoicesOf: Element.self)
        self.init(type, wrappedValue, wrappedValue, help, nil, [], false, Site(file, line))
    }

    /// A required list of choices.
    public init<Element: CaseIterable & RawRepresentable<String>>(
        _ help: String = "", file: String = #fileID, line: Int = #line
    ) where Value == [Element] {
        self.init(ParameterType(listOfChoicesOf: Element.self), nil, [], help, nil, [], false, Site(file, line))
    }

    private init(
        _ type: ParameterType, _ fallback: Value?, _ placeholder: Value, _ help: String, _ pattern: String?, _ choices: [Value],
        _ isSecret: Bool, _ site: Site
    ) {
        self.placeholder = placeholder
        // Flows are made while no recorder listens: values that JSON cannot say (NaN) are found as null by the loader.
        let json = { (value: Value) in (try? JSON(encoding: value)) ?? JSON.null }
        declaration = ParameterDeclaration(
            type, help: help, fallback: fallback.map(json), pattern: pattern, choices: choices.map(json), isSecret: isSecret,
            site: site)
    }
}

extension ParameterType {
    fileprivate init<Value: CaseIterable & RawRepresentable<String>>(choicesOf type: Value.Type) {
        self.init(kind: .string, choices: Value.allCases.map { .string($0.rawValue) })
    }

    fileprivate init<Value: CaseIterable & RawRepresentable<String>>(listOfChoicesOf type: Value.Type) {
        self.init(kind: .list(.string), choices: Value.allCases.map { .string($0.rawValue) })
    }
}

/// The first case of an enum. An enum without cases has no values, so no parameter of it can be read.
private func firstCase<Value: CaseIterable>() -> Value {
    guard let first = Value.allCases.first else { preconditionFailure("\(Value.self) has no cases to choose from") }
    return first
}
