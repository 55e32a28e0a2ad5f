/// What an expression can look up.
package protocol ExpressionScope {
    func parameter(_ name: String) -> JSON?
    /// The output of a settled step, as seen from where the expression stands.
    func output(of node: String) -> StepValue
    /// The element of an enclosing map.
    func element(of map: String) -> JSON?
    func fact(_ fact: Expression.RunFact) -> JSON
}

/// The output of a step, for those that read it.
package enum StepValue: Hashable, Sendable {
    case value(JSON)
    /// It has none, because it was skipped or failed and was ignored; with the reason.
    case absent(String)
}

/// Why an expression has no value.
package enum EvaluationError: Error, Hashable, Sendable {
    /// It reads the output of a step that has none; the reader is skipped with this reason.
    case absent(node: String, reason: String)
    /// The values do not fit the expression; the reader fails with this message.
    case invalid(String)
}

extension Expression {
    /// The value of the expression in `scope`.
    package func evaluate(in scope: some ExpressionScope) throws(EvaluationError) -> JSON {
        switch self {
        case .literal(let value): return value
        case .parameter(let name):
            guard let value = scope.parameter(name) else { throw .invalid("there is no parameter '\(name)'") }
            return value
        case .output(let node, let path):
            switch scope.output(of: node) {
            case .absent(let reason): throw .absent(node: node, reason: reason)
            case .value(let value): return try Expression.member(path, of: value, in: "the output of step '\(node)'")
            }
        case .element(let map, let path):
            guard let element = scope.element(of: map) else { throw .invalid("not inside map '\(map)'") }
            return try Expression.member(path, of: element, in: "the element of '\(map)'")
        case .run(let fact): return scope.fact(fact)
        case .optional(let inner): return try inner.evaluateIfPresent(in: scope) ?? .null
        case .fallback(let inner, let other):
            if let value = try inner.evaluateIfPresent(in: scope), value != .null { return value }
            return try other.evaluate(in: scope)
        case .text(let parts):
            var text = ""
            for part in parts { text += try part.evaluate(in: scope).text }
            return .string(text)
        case .list(let parts):
            var values: [JSON] = []
            for part in parts { values.append(try part.evaluate(in: scope)) }
            return .array(values)
        case .object(let members):
            var values: [String: JSON] = [:]
            for (name, member) in members.sorted(by: { $0.key < $1.key }) { values[name] = try member.evaluate(in: scope) }
            return .object(values)
        case .not(let inner): return .bool(!(try inner.truth(in: scope)))
        case .and(let one, let other):
            guard try one.truth(in: scope) else { return false }
            return .bool(try other.truth(in: scope))
        case .or(let one, let other):
            if try one.truth(in: scope) { return true }
            return .bool(try other.truth(in: scope))
        case .compare(let comparison, let one, let other):
            return .bool(try comparison.holds(try one.evaluate(in: scope), try other.evaluate(in: scope)))
        case .count(let inner): return try Expression.count(of: try inner.evaluate(in: scope))
        case .contains(let whole, let part):
            return .bool(try Expression.contains(try whole.evaluate(in: scope), try part.evaluate(in: scope)))
        }
    }

    /// The value as true or false; anything else is an error.
    package func truth(in scope: some ExpressionScope) throws(EvaluationError) -> Bool {
        let value = try evaluate(in: scope)
        guard let truth = value.boolValue else { throw .invalid("a condition must be a Bool, found \(value.typeName)") }
        return truth
    }

    private func evaluateIfPresent(in scope: some ExpressionScope) throws(EvaluationError) -> JSON? {
        do {
            return try evaluate(in: scope)
        } catch .absent {
            return nil
        }
    }

    private static func member(_ path: [String], of value: JSON, in subject: String) throws(EvaluationError) -> JSON {
        let holder = path.last == "stdout" ? value[path: path.dropLast()] : path.isEmpty ? value : nil
        if let holder, holder["stdout"] == nil, holder["exitStatus"] != nil, let reason = holder["stdoutLost"]?.stringValue {
            throw .invalid("\(subject) has no stdout: it was not kept whole: \(reason). Run the command again: flowctl retry RUN --from STEP")
        }
        // Output that is no text has no value, and nothing stands in for it.
        if path.isEmpty || path == ["stdout"], value["stdout"] == nil, let fault = value["stdoutFault"]?.stringValue {
            throw .invalid(
                "\(subject) has no stdout: \(fault). Have the command write text in UTF-8 (iconv -t UTF-8, base64), or hand values out by $FLOW_OUTPUT"
            )
        }
        try refuseCutOutput(path, of: value, in: subject)
        guard !path.isEmpty else { return value }
        if let member = value[path: path] { return member }
        // A member that an optional property left out is null; a member of something that is not an object is a mistake.
        guard case .object = value[path: path.dropLast()] else {
            throw .invalid("\(subject) has no member '\(path.joined(separator: "."))'")
        }
        return .null
    }

    /// Half an output is no value either: a list that ends too early looks like one that is whole.
    private static func refuseCutOutput(_ path: [String], of value: JSON, in subject: String) throws(EvaluationError) {
        let whole = path.last == "stdout" ? value[path: path.dropLast()] : path.isEmpty ? value : nil
        guard let whole, whole["exitStatus"] != nil, whole["stdoutTruncated"] == true else { return }
        throw .invalid(
            "\(subject) has more than \(Limits.stdoutValueBytes) bytes of stdout, and only their beginning was kept. "
                + "Have the command hand the value out by $FLOW_OUTPUT (\(Limits.stepOutputBytes) bytes), keep it in a file and hand out its path, "
                + "or write less (head -c \(Limits.stdoutValueBytes))")
    }

    private static func count(of value: JSON) throws(EvaluationError) -> JSON {
        switch value {
        case .array(let elements): return .int(elements.count)
        case .object(let members): return .int(members.count)
        case .string(let text): return .int(text.count)
        default: throw .invalid("count needs a list or text, found \(value.typeName)")
        }
    }

    private static func contains(_ whole: JSON, _ part: JSON) throws(EvaluationError) -> Bool {
        switch (whole, part) {
        case (.array(let elements), _): return elements.contains(part)
        case (.string(let text), .string(let piece)): return piece.isEmpty || text.contains(piece)
        default: throw .invalid("contains needs a list or text, found \(whole.typeName)")
        }
    }
}

extension Expression.Comparison {
    /// Numbers compare by value, texts by Unicode scalars; equality is defined for everything, order for these two.
    package func holds(_ one: JSON, _ other: JSON) throws(EvaluationError) -> Bool {
        if self == .equal || self == .notEqual {
            let isEqual = if let one = one.doubleValue, let other = other.doubleValue { one == other } else { one == other }
            return isEqual == (self == .equal)
        }
        if let one = one.doubleValue, let other = other.doubleValue { return holds(one, other) }
        if let one = one.stringValue, let other = other.stringValue {
            return holds(ScalarOrder(text: one), ScalarOrder(text: other))
        }
        throw .invalid("\(one.typeName) and \(other.typeName) have no order")
    }

    private func holds<Value: Comparable>(_ one: Value, _ other: Value) -> Bool {
        switch self {
        case .equal: one == other
        case .notEqual: one != other
        case .less: one < other
        case .lessOrEqual: one <= other
        case .greater: one > other
        case .greaterOrEqual: one >= other
        }
    }
}

private struct ScalarOrder: Comparable {
    var text: String
    static func < (one: ScalarOrder, other: ScalarOrder) -> Bool {
        one.text.unicodeScalars.lexicographicallyPrecedes(other.text.unicodeScalars)
    }
}
