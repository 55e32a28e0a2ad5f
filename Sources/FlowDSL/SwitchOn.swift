internal import FlowModel

/// Runs the block of the first case that names the value; the others are skipped. Decided once, when the run gets there.
///
/// ```swift
/// switchOn($region) {
///     on("eu-1", "eu-2") { shell("dns", "dns-eu update") }
///     on("us-1") { shell("dns-us", "dns-us update") }
///     otherwise { approval("manual", "No automation for \($region). Done by hand?") }
/// }
/// ```
@discardableResult
public func switchOn<Value: Codable & Sendable>(
    _ value: some Reference<Value>, file: String = #fileID, line: Int = #line, @CaseBuilder<Value> _ cases: () -> [SwitchCase<Value>]
) -> Block {
    let cases = cases()
    let site = Site(file, line)
    if let misplaced = cases.dropLast().first(where: { $0.values == nil }) {
        Recorder.complain("switchOn", "otherwise { } must be the last case of a switchOn", misplaced.site)
    }
    let exits = Recorder.record(cases[...], of: value.reference.expression, site)
    Recorder.current?.change { $0.advance(to: exits) }
    return Block()
}

/// A case of a `switchOn`.
public struct SwitchCase<Value: Codable & Sendable> {
    /// nil: whatever no other case names.
    let values: [Value]?
    let body: () -> Void
    let site: Site
}

/// The case of these values.
public func on<Value: Codable & Sendable>(
    _ values: Value..., file: String = #fileID, line: Int = #line, @FlowBuilder body: @escaping () -> some FlowBody
) -> SwitchCase<Value> {
    SwitchCase(values: values, body: { _ = body() }, site: Site(file, line))
}

/// The case of all other values.
public func otherwise<Value: Codable & Sendable>(
    file: String = #fileID, line: Int = #line, @FlowBuilder body: @escaping () -> some FlowBody
) -> SwitchCase<Value> {
    SwitchCase(values: nil, body: { _ = body() }, site: Site(file, line))
}

/// Builds the cases of a `switchOn`.
@resultBuilder
public enum CaseBuilder<Value: Codable & Sendable> {
    public static func buildExpression(_ part: SwitchCase<Value>) -> [SwitchCase<Value>] { [part] }
    public static func buildBlock(_ parts: [SwitchCase<Value>]...) -> [SwitchCase<Value>] { parts.flatMap { $0 } }
}

extension Recorder {
    /// Takes the cases down as a `when` whose `otherwise` holds the next one. Gives what they end with.
    fileprivate static func record<Value: Codable>(_ cases: ArraySlice<SwitchCase<Value>>, of value: Expression, _ site: Site) -> [String] {
        guard let first = cases.first else { return current?.change { $0.entry } ?? [] }
        guard let values = first.values else {
            first.body()
            return current?.change { $0.entry } ?? []
        }
        let condition = Expression.contains(.list(values.map { .constant($0, first.site) }), value)
        let choice = decide(Condition(condition), site)
        let others = cases.dropFirst()
        let exits = branch(choice, true, first.body)
        return exits + (others.isEmpty ? [] : branch(choice, false) { advance(to: record(others, of: value, site)) })
    }

    private static func advance(to exits: [String]) { current?.change { $0.advance(to: exits) } }
}
