internal import FlowModel
internal import Synchronization

/// An input of the flow.
///
///     @Param("Version to release", pattern: #"\d+\.\d+\.\d+"#) var version: String
///     @Param("Where to") var hosts: Selector = "group:web"
///
/// `$version` is the reference to it: its value is known when a run starts, not while the plan is made. Strings, whole and
/// decimal numbers, Bools, enums of strings (their cases are the choices), lists of these, and selectors can be inputs. A
/// parameter without a default is required. `pattern` is a regular expression for the whole text; `secret` seals the value.
@propertyWrapper
public struct Param<Value: Codable & Sendable>: Sendable {
    let declaration: ParameterDeclaration
    /// What reading the parameter gives while there is no value.
    let placeholder: Value

    /// Only `$name` has a meaning in a flow's body: reading the value itself is reported as a mistake.
    public var wrappedValue: Value {
        declaration.reportRead()
        return placeholder
    }

    public var projectedValue: Ref<Value> { Ref(declaration.reference()) }
}

/// What a `@Param` declares, without its type.
final class ParameterDeclaration: Sendable {
    let help: String
    let kind: Parameter.Kind
    let fallback: JSON?
    let pattern: String?
    let choices: [JSON]
    let isSecret: Bool
    /// The declaration.
    let site: Site
    /// The property's name, once the flow has been looked through.
    let name = Mutex<String?>(nil)

    init(_ type: ParameterType, help: String, fallback: JSON?, pattern: String?, choices: [JSON], isSecret: Bool, site: Site) {
        self.help = help
        self.fallback = fallback
        self.pattern = pattern
        self.isSecret = isSecret
        self.site = site
        self.kind = type.kind
        self.choices = choices.isEmpty ? type.choices : choices
    }

    func parameter(named name: String) -> Parameter {
        Parameter(
            name: name, help: help, kind: kind, fallback: fallback, pattern: pattern, choices: choices, isSecret: isSecret)
    }

    /// Complains of a pattern that is none, at its line.
    func checkPattern(of name: String) {
        guard let pattern, let fault = Pattern.fault(in: pattern) else { return }
        Recorder.complain(name, "its pattern \(pattern) is not one: \(fault)", site)
    }

    func reference() -> Expression {
        if let name = name.withLock({ $0 }) { return .parameter(name) }
        Recorder.complain(
            "parameter", "this parameter belongs to another flow, or to none; a flow can use its own parameters only", site)
        return .literal(.null)
    }

    func reportRead() {
        let name = name.withLock { $0 } ?? "?"
        Recorder.complain(
            name, "parameter '\(name)' has no value while the plan is made; write $\(name), or pass $\(name) to the step", nil)
    }
}

/// How a Swift type appears as a parameter.
struct ParameterType {
    var kind: Parameter.Kind
    var choices: [JSON] = []
}

protocol AnyParam {
    var declaration: ParameterDeclaration { get }
}

extension Param: AnyParam {}
