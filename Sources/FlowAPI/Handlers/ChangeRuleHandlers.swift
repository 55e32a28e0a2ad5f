import FlowModel
import FlowWire
import Hummingbird

/// Freezes and windows.
enum ChangeRuleHandlers {
    static func list(_ kind: ChangeRuleKind) -> Route.Handler {
        { call in try Answer.page(ofAll: try await call.api.changeRules.rules(kind), call, key: \.name) }
    }

    static func show(_ kind: ChangeRuleKind) -> Route.Handler {
        { call in
            let name = call.parameter("name")
            let rules = try await call.api.changeRules.rules(kind)
            guard let rule = rules.first(where: { $0.name == name }) else {
                let near = nearestNames(to: name, in: rules.map(\.name))
                let hint = near.isEmpty ? "flowctl \(kind.rawValue) list" : "Did you mean '\(near.joined(separator: "', '"))'?"
                throw FlowError(.notFound, subject: name, "There is no \(kind.rawValue) '\(name)'.", hint: hint)
            }
            return try Answer.json(rule)
        }
    }

    static func put(_ kind: ChangeRuleKind) -> Route.Handler {
        { call in
            let spec = try await call.body(ChangeRuleSpec.self)
            // Looked up first: what fails here has changed nothing.
            let warnings = try await unknownFlows(spec, call.api)
            var rule = try await call.api.changeRules.put(kind, call.parameter("name"), spec, by: call.actor)
            rule.warnings = warnings.isEmpty ? nil : warnings
            return try Answer.json(rule)
        }
    }

    /// A flow may be registered later, or never be: one that is misspelt would not be held.
    private static func unknownFlows(_ spec: ChangeRuleSpec, _ api: API) async throws -> [FlowError.Detail] {
        guard let patterns = spec.flows else { return [] }
        let names = try await api.catalogue.flows().map(\.name)
        return patterns.filter { pattern in !names.contains(where: Glob(pattern).matches) }.map { pattern in
            let near = nearestNames(to: pattern, in: names)
            let guess = near.isEmpty ? "" : "; did you mean \(near.map { "'\($0)'" }.joined(separator: " or "))?"
            return FlowError.Detail(subject: pattern, message: "no flow of this name is registered\(guess)")
        }
    }

    static func remove(_ kind: ChangeRuleKind) -> Route.Handler {
        { call in
            try await call.api.changeRules.remove(kind, call.parameter("name"), by: call.actor)
            return Answer.nothing()
        }
    }

    static func breakGlass(_ call: Call) async throws -> Response {
        let request = try await call.body(Wire.BreakGlass.self)
        try CommandHandlers.checkText(request.message, "message")
        let row = try await call.api.changeRules.breakGlass(try await call.run(), request, by: call.actor)
        return try Answer.json(Wire.Run(row))
    }
}
