/// Plans as versions up to 0.2 wrote them: `{"map":{"_0":{…}}}` for what has one of several forms. They are read for ever; nothing is written in this
/// format but what came in it.
enum PlanFormat1 {
    static let number = 1

    /// The same plan in the current format.
    ///
    /// - Parameter isStrict: refuses members that format 1 does not have; else they are dropped.
    static func flat(_ json: JSON, isStrict: Bool) throws(JSONMisfit) -> JSON {
        var plan = try Form(json, isStrict)
        guard plan.take("format") == .int(number) else { throw JSONMisfit("must be \(number)", at: ["format"]) }
        plan.keep("flow", "summary", "triggers", "assets", "source", "dsl")
        try plan.each("parameters", parameter)
        try plan.each("nodes", as: "steps", node)
        try plan.change("control") { (json) throws(JSONMisfit) in
            var control = try Form(json, isStrict)
            control.keep("overlap", "priority", "retryBudget")
            try control.each("claims", claim)
            return try control.end()
        }
        try plan.each("calls") { (json, isStrict) throws(JSONMisfit) in
            var call = try Form(json, isStrict)
            call.keep("binary")
            try call.change("plan") { (json) throws(JSONMisfit) in try flat(json, isStrict: isStrict) }
            return try call.end()
        }
        var members = try plan.end().objectValue ?? [:]
        members["format"] = .int(Plan.currentFormat)
        return .object(members)
    }

    /// Line numbers are no part of the revision.
    static func withoutLocations(_ plan: JSON) -> JSON {
        guard var members = plan.objectValue else { return plan }
        if let nodes = members["nodes"]?.arrayValue {
            members["nodes"] = .array(
                nodes.map { node in
                    var node = node.objectValue ?? [:]
                    node["location"] = nil
                    return .object(node)
                })
        }
        if let calls = members["calls"]?.arrayValue {
            members["calls"] = .array(
                calls.map { call in
                    var call = call.objectValue ?? [:]
                    call["plan"] = call["plan"].map(withoutLocations)
                    return .object(call)
                })
        }
        return .object(members)
    }

    /// A rule of an approval in the current form; nil for what is not in this one.
    static func rule(_ json: JSON) throws(JSONMisfit) -> JSON? {
        guard case .object(let members) = json, members.count == 1, case (let name, .object)? = members.first else { return nil }
        return try rule(json, name)
    }

    /// A type of an input in the current form; nil for what is not in this one.
    static func parameterKind(_ json: JSON) throws(JSONMisfit) -> JSON? {
        guard case .object(let members) = json, members.count == 1, case (let name, .object(let content))? = members.first else { return nil }
        guard name == "list" else { return content.isEmpty ? .string(name) : nil }
        guard content.count == 1, let element = content["_0"] else { return nil }
        return ["list": try parameterKind(element) ?? element]
    }
}

// MARK: - Steps

extension PlanFormat1 {
    private static func parameter(_ json: JSON, _ isStrict: Bool) throws(JSONMisfit) -> JSON {
        var parameter = try Form(json, isStrict)
        parameter.keep("name", "help", "fallback", "pattern", "choices", "isSecret")
        try parameter.change("kind") { (json) throws(JSONMisfit) in try parameterKind(json) ?? json }
        return try parameter.end()
    }

    private static func node(_ json: JSON, _ isStrict: Bool) throws(JSONMisfit) -> JSON {
        var node = try Form(json, isStrict)
        node.keep("id", "name", "scope", "part", "needs", "guards", "location")
        node.keep("isFinally", as: "finally")
        try node.change("policy") { (json) throws(JSONMisfit) in try policy(json, isStrict) }
        try node.change("output", shape)
        guard let kind = node.take("kind") else { throw JSONMisfit("is missing", at: ["kind"]) }
        do throws(JSONMisfit) { node.add(try self.kind(kind, isStrict)) } catch { throw error.inside("kind") }
        return try node.end()
    }

    private static func policy(_ json: JSON, _ isStrict: Bool) throws(JSONMisfit) -> JSON {
        var policy = try Form(json, isStrict)
        policy.keep("retry", "timeoutSeconds", "onFailure")
        try policy.each("claims", claim)
        try policy.each("elementClaims", claim)
        try policy.change("probe") { (json) throws(JSONMisfit) in
            var probe = try Form(json, isStrict)
            probe.keep("timeoutSeconds")
            guard let command = probe.take("command") else { throw JSONMisfit("is missing", at: ["command"]) }
            probe.add(try shell(command, isStrict))
            return try probe.end()
        }
        return try policy.end()
    }

    private static func kind(_ json: JSON, _ isStrict: Bool) throws(JSONMisfit) -> [String: JSON] {
        let (name, content) = try single(json, "a step has one kind")
        guard let spec = content["_0"] else { throw JSONMisfit("is missing", at: [name, "_0"]) }
        do throws(JSONMisfit) { return try kind(name, spec, isStrict) } catch { throw error.inside(name) }
    }

    private static func kind(_ name: String, _ spec: JSON, _ isStrict: Bool) throws(JSONMisfit) -> [String: JSON] {
        func values(_ kind: String, _ values: [String], kept: [String] = []) throws(JSONMisfit) -> [String: JSON] {
            var form = try Form(spec, isStrict)
            for name in kept { form.keep(name) }
            for name in values { try form.change(name, expression) }
            return try form.end(kind)
        }
        switch name {
        case "sleep": return ["kind": "sleep", "seconds": try expression(spec)]
        case "sleepUntil": return ["kind": "sleep", "until": try expression(spec)]
        case "choice": return ["kind": "when", "condition": try expression(spec)]
        case "waitFor": return try values("waitFor", [], kept: ["signal", "timeoutSeconds"])
        case "repeatUntil": return try values("repeatUntil", ["until", "value"], kept: ["intervalSeconds", "maximum"])
        case "approval": return try approval(spec, isStrict)
        case "map": return try map(spec, isStrict)
        case "rollout": return try rollout(spec, isStrict)
        case "call":
            var call = try Form(spec, isStrict)
            call.keep("flow")
            try call.members("inputs", expression)
            return try call.end("call")
        case "shell": return try shell(spec, isStrict).merging(["kind": "shell"]) { _, new in new }
        case "copy": return try values("copy", ["from", "to", "target", "account"], kept: ["mode"])
        case "step":
            var step = try Form(spec, isStrict)
            try step.each("inputs") { (json, _) throws(JSONMisfit) in try expression(json) }
            return try step.end("step")
        case "waitForPort": return try watch("waitForPort", "endpoint", spec, isStrict)
        case "ping": return try watch("ping", "host", spec, isStrict)
        default: throw JSONMisfit("there is no such kind of step")
        }
    }

    private static func watch(_ kind: String, _ what: String, _ spec: JSON, _ isStrict: Bool) throws(JSONMisfit) -> [String: JSON] {
        var watch = try Form(spec, isStrict)
        try watch.change(what, expression)
        try watch.change("target", expression)
        guard let span = watch.take("span") else { throw JSONMisfit("is missing", at: ["span"]) }
        var form = try Form(span, isStrict)
        form.keep("answers", "intervalSeconds", "timeoutSeconds")
        watch.add(try form.end().objectValue ?? [:])
        return try watch.end(kind)
    }

    private static func approval(_ spec: JSON, _ isStrict: Bool) throws(JSONMisfit) -> [String: JSON] {
        func rules(_ json: JSON, _ isStrict: Bool) throws(JSONMisfit) -> JSON { try rule(json) ?? json }
        var approval = try Form(spec, isStrict)
        approval.keep("deadlineSeconds", "selfApproval", "isDistinct", "onDeadline", "remindSeconds")
        try approval.change("prompt", expression)
        try approval.each("rules", rules)
        try approval.change("veto") { (json) throws(JSONMisfit) in try rule(json) ?? json }
        try approval.each("fields", parameter)
        try approval.each("escalations") { (json, isStrict) throws(JSONMisfit) in
            var escalation = try Form(json, isStrict)
            escalation.keep("deadlineSeconds")
            try escalation.each("rules", rules)
            return try escalation.end()
        }
        return try approval.end("approval")
    }

    private static func map(_ spec: JSON, _ isStrict: Bool) throws(JSONMisfit) -> [String: JSON] {
        var map = try Form(spec, isStrict)
        map.keep("width", "keepsGoing", "title")
        try map.change("minSucceeded", amount)
        guard let elements = map.take("elements") else { throw JSONMisfit("is missing", at: ["elements"]) }
        let (name, content) = try single(elements, "elements are of one form")
        map.add([name: try expression(content["_0"] ?? .null)])
        return try map.end("map")
    }

    private static func rollout(_ spec: JSON, _ isStrict: Bool) throws(JSONMisfit) -> [String: JSON] {
        var rollout = try Form(spec, isStrict)
        rollout.keep("batches", "startRate", "skipping", "soakSeconds", "onBreach")
        try rollout.change("targets", expression)
        try rollout.change("concurrency", amount)
        try rollout.change("order") { (json) throws(JSONMisfit) in
            let (name, content) = try single(json, "an order has one form")
            return content["_0"].map { [name: $0] } ?? .string(name)
        }
        try rollout.change("budget") { (json) throws(JSONMisfit) in
            var budget = try Form(json, isStrict)
            budget.keep("scope", "counting")
            try budget.change("maxFailures", amount)
            return try budget.end()
        }
        return try rollout.end("rollout")
    }

    private static func shell(_ spec: JSON, _ isStrict: Bool) throws(JSONMisfit) -> [String: JSON] {
        var shell = try Form(spec, isStrict)
        shell.keep("interpreter")
        guard let source = shell.take("source") else { throw JSONMisfit("is missing", at: ["source"]) }
        let (form, content) = try single(source, "a source has one form")
        shell.add([form == "asset" ? "script" : "command": content["_0"] ?? .null])
        try shell.each("variables") { (json, isStrict) throws(JSONMisfit) in
            var variable = try Form(json, isStrict)
            variable.keep("name")
            try variable.change("value", expression)
            return try variable.end()
        }
        try shell.each("arguments") { (json, _) throws(JSONMisfit) in try expression(json) }
        try shell.members("environment", expression)
        for name in ["workdir", "target", "account"] { try shell.change(name, expression) }
        return try shell.end().objectValue ?? [:]
    }
}

// MARK: - Values

extension PlanFormat1 {
    /// What the content of a form is made of, whichever it is.
    private static let parts: Set<String> = ["_0", "_1", "_2", "node", "map", "path", "count", "seconds", "weight", "of"]

    /// The name and content of the one form that a value has.
    private static func single(_ json: JSON, _ rule: String) throws(JSONMisfit) -> (String, JSON) {
        guard case .object(let members) = json, members.count == 1, let (name, content) = members.first else {
            throw JSONMisfit("\(rule), found \(json.objectValue.map { "\($0.count)" } ?? json.typeName)")
        }
        if let other = content.objectValue?.keys.filter({ !parts.contains($0) }).min() {
            throw JSONMisfit("a plan of format \(number) has no such member", at: [name, other])
        }
        return (name, content)
    }

    private static func expression(_ json: JSON) throws(JSONMisfit) -> JSON {
        let (name, content) = try single(json, "a value has one form")
        func part(_ index: Int) throws(JSONMisfit) -> JSON {
            guard let part = content["_\(index)"] else { throw JSONMisfit("is missing", at: [name, "_\(index)"]) }
            return part
        }
        switch name {
        case "literal":
            let value = try part(0)
            switch value {
            case .bool, .int, .double, .string: return value
            case .null, .array, .object: return ["literal": value]
            }
        case "parameter", "run": return [name: try part(0)]
        case "output", "element":
            guard let source = content[name == "output" ? "node" : "map"] else { throw JSONMisfit("is missing", at: [name]) }
            let path = content["path"] ?? []
            return path == [] ? [name: source] : [name: source, "path": path]
        case "optional", "not", "count": return [name: try expression(try part(0))]
        case "text", "list": return [name: .array(try JSONMembers.list(try part(0), expression))]
        case "fallback", "and", "or", "contains": return [name: .array([try expression(try part(0)), try expression(try part(1))])]
        case "compare":
            guard case .string(let comparison) = try part(0) else { throw JSONMisfit("must be a String", at: [name, "_0"]) }
            return [comparison: .array([try expression(try part(1)), try expression(try part(2))])]
        default: throw JSONMisfit("there is no such value", at: [name])
        }
    }

    private static func shape(_ json: JSON) throws(JSONMisfit) -> JSON {
        let (name, content) = try single(json, "a type has one form")
        switch name {
        case "list", "dictionary", "optional": return [name: try shape(content["_0"] ?? .null)]
        case "object":
            let fields = try JSONMembers.list(content["_0"] ?? .null) { (json) throws(JSONMisfit) in
                guard json.objectValue?.count == 2 else { throw JSONMisfit("has a name and a shape") }
                return ["name": json["name"] ?? .null, "shape": try shape(json["shape"] ?? .null)] as JSON
            }
            return ["object": .array(fields)]
        default: return .string(name)
        }
    }

    private static func rule(_ json: JSON, _ name: String) throws(JSONMisfit) -> JSON {
        let (_, content) = try single(json, "a rule has one form")
        let count = content["count"] ?? .null
        func rules() throws(JSONMisfit) -> JSON {
            .array(try JSONMembers.list(content["_0"] ?? .null) { (json) throws(JSONMisfit) in try rule(json) ?? json })
        }
        switch name {
        case "role": return ["role": content["_0"] ?? .null, "count": count]
        case "user": return ["user": content["_0"] ?? .null]
        case "anyone": return ["count": count]
        case "all": return ["all": try rules()]
        case "any": return ["any": try rules(), "count": count]
        default: throw JSONMisfit("there is no such rule of an approval", at: [name])
        }
    }

    private static func amount(_ json: JSON) throws(JSONMisfit) -> JSON {
        let (name, content) = try single(json, "an amount has one form")
        guard let value = content["_0"] else { throw JSONMisfit("is missing", at: [name, "_0"]) }
        guard name == "percent" else { return value }
        guard let share = value.doubleValue else { throw JSONMisfit("must be a number", at: [name, "_0"]) }
        return Amount.percent(share).json
    }

    private static func claim(_ json: JSON, _ isStrict: Bool) throws(JSONMisfit) -> JSON {
        guard let name = json["name"], let kind = json["kind"], json.objectValue?.count == 2 else { throw JSONMisfit("has a name and a kind") }
        let value = try expression(name)
        let (form, content) = try single(kind, "a claim has one kind")
        switch form {
        case "exclusive": return ["lock": value]
        case "shared": return ["lock": value, "shared": true]
        case "slots": return ["limit": value, "weight": content["weight"] ?? .null, "of": content["of"] ?? .null]
        case "rate": return ["rate": value, "count": content["count"] ?? .null, "seconds": content["seconds"] ?? .null]
        case "overlap": return ["overlap": value]
        default: throw JSONMisfit("there is no such kind of claim", at: ["kind", form])
        }
    }

    /// An object that is read member by member, and what it becomes.
    private struct Form {
        private var left: [String: JSON]
        private var made: [String: JSON] = [:]
        private let isStrict: Bool

        init(_ json: JSON, _ isStrict: Bool) throws(JSONMisfit) {
            guard case .object(let members) = json else { throw JSONMisfit("must be an object, found \(json.typeName)") }
            left = members
            self.isStrict = isStrict
        }

        mutating func take(_ name: String) -> JSON? { left.removeValue(forKey: name).flatMap { $0 == .null ? nil : $0 } }
        mutating func keep(_ names: String...) { for name in names { made[name] = take(name) } }
        mutating func keep(_ name: String, as other: String) { made[other] = take(name) }
        mutating func add(_ members: [String: JSON]) { made.merge(members) { _, new in new } }

        mutating func change(_ name: String, _ change: (JSON) throws(JSONMisfit) -> JSON) throws(JSONMisfit) {
            guard let value = take(name) else { return }
            do throws(JSONMisfit) { made[name] = try change(value) } catch { throw error.inside(name) }
        }

        mutating func each(
            _ name: String, as other: String? = nil, _ change: (JSON, Bool) throws(JSONMisfit) -> JSON
        ) throws(JSONMisfit) {
            guard let value = take(name) else { return }
            let isStrict = isStrict
            do throws(JSONMisfit) {
                made[other ?? name] = .array(
                    try JSONMembers.list(value) { (json) throws(JSONMisfit) in try change(json, isStrict) })
            } catch {
                throw error.inside(name)
            }
        }

        mutating func members(_ name: String, _ change: (JSON) throws(JSONMisfit) -> JSON) throws(JSONMisfit) {
            guard let value = take(name) else { return }
            guard case .object(let members) = value else { throw JSONMisfit("must be an object, found \(value.typeName)", at: [name]) }
            var changed: [String: JSON] = [:]
            for (key, value) in members {
                do throws(JSONMisfit) { changed[key] = try change(value) } catch { throw error.inside(key).inside(name) }
            }
            made[name] = .object(changed)
        }

        func end() throws(JSONMisfit) -> JSON {
            if isStrict, let name = left.keys.min() { throw JSONMisfit("a plan of format \(PlanFormat1.number) has no such member", at: [name]) }
            return .object(made)
        }

        func end(_ kind: String) throws(JSONMisfit) -> [String: JSON] {
            var members = try end().objectValue ?? [:]
            members["kind"] = .string(kind)
            return members
        }
    }
}
