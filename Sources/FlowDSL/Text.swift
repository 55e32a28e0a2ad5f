internal import FlowModel

/// A value that can stand in a text or command: it has one obvious written form.
public protocol TextValue: Decodable, Sendable {}

extension String: TextValue {}
extension Int: TextValue {}
extension Double: TextValue {}
extension Bool: TextValue {}
extension Selector: TextValue {}
/// An absent value is the empty text.
extension Optional: TextValue where Wrapped: TextValue {}

/// A text that is put together when its step starts: a string literal with references in it.
///
///     approval("go", "Release \($version) (\(build.sha256))?")
public struct Text: Sendable, ExpressibleByStringInterpolation {
    public typealias StringInterpolation = Interpolation<Text>

    let expression: Expression

    public init(stringLiteral text: String) { expression = .literal(.string(text)) }

    public init(stringInterpolation: Interpolation<Text>) {
        expression = .text(
            stringInterpolation.parts.map { part in
                switch part {
                case .text(let text): .literal(.string(text))
                case .value(let expression, _): expression
                }
            })
    }

    /// A text that is already there.
    public init(_ text: String) { expression = .literal(.string(text)) }

    /// The text of a reference.
    public init<Value: TextValue>(_ reference: some Reference<Value>) { expression = reference.reference.expression }
}

/// What a text or command collects of its literal: parts of text, and values that are known later.
public struct Interpolation<Whole>: StringInterpolationProtocol {
    enum Part {
        case text(String)
        case value(Expression, Site)
    }

    var parts: [Part] = []

    public init(literalCapacity: Int, interpolationCount: Int) {}

    public mutating func appendLiteral(_ text: String) {
        if !text.isEmpty { parts.append(.text(text)) }
    }

    public mutating func appendInterpolation<Value: TextValue>(
        _ reference: some Reference<Value>, file: String = #fileID, line: Int = #line
    ) {
        parts.append(.value(reference.reference.expression, Site(file, line)))
    }

    /// A choice: an enum of texts.
    public mutating func appendInterpolation<Value: RawRepresentable<String>>(
        _ reference: some Reference<Value>, file: String = #fileID, line: Int = #line
    ) {
        parts.append(.value(reference.reference.expression, Site(file, line)))
    }

    /// A value that is known now.
    public mutating func appendInterpolation(
        _ value: some TextValue & Encodable, file: String = #fileID, line: Int = #line
    ) {
        let site = Site(file, line)
        parts.append(.value(.constant(value, site), site))
    }

    @available(
        *, unavailable, message: "only texts, numbers, Bools and enums of texts have a written form; name a member of it"
    )
    public mutating func appendInterpolation<Value>(_ reference: some Reference<Value>) {}
}

extension DefaultStringInterpolation {
    /// References have no value while the plan is made: in a plain `String` they would leave their type's name.
    @available(
        *, deprecated,
        message: "a reference has no value while the plan is made; use it in a command, in Text(\"…\"), or as an input of a step"
    )
    public mutating func appendInterpolation(_ reference: some Reference) {
        Recorder.complain(
            "reference",
            "a reference has no value while the plan is made; use it in a command, in Text(\"…\"), or as an input of a step",
            nil)
    }
}
