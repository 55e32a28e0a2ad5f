/// Makes an expression of words and signs, by the grammar of XPath 1.0.
struct XPathParser {
    private typealias Kind = XPathToken.Kind

    private let tokens: [XPathToken]
    private let text: String
    private let namespaces: [String: String]
    private var next = 0
    private var depth = 0

    init(_ tokens: [XPathToken], of text: String, namespaces: [String: String]) {
        self.tokens = tokens
        self.text = text
        self.namespaces = namespaces
    }

    mutating func whole() throws(XPathFault) -> Expression {
        guard kind != .end else { throw fault("it is empty") }
        let expression = try expression()
        guard kind == .end else { throw fault("\(words) does not fit there") }
        return expression
    }

    // MARK: Tokens

    private var kind: Kind { tokens[next].kind }

    private func fault(_ why: String) -> XPathFault { XPathFault(text: text, place: tokens[next].place, why: why) }

    /// What stands there, for people.
    private var words: String {
        switch kind {
        case .sign(let text), .operation(let text), .name(let text): "'\(text)'"
        case .literal: "a quoted text"
        case .number: "a number"
        case .wildcard: "'*'"
        case .end: "its end"
        }
    }

    /// Whether that stands there; then it is taken.
    private mutating func take(_ wanted: Kind) -> Bool {
        guard kind == wanted else { return false }
        next += 1
        return true
    }

    private mutating func take(_ sign: String) -> Bool { take(.sign(sign)) }

    private mutating func need(_ sign: String) throws(XPathFault) {
        guard take(sign) else { throw fault("'\(sign)' is missing before \(words)") }
    }

    // MARK: Operators

    private static let operators: [Kind: Expression.Operator] = [
        .operation("or"): .or, .operation("and"): .and, .sign("="): .equal, .sign("!="): .unequal, .sign("<"): .less, .sign("<="): .atMost,
        .sign(">"): .greater, .sign(">="): .atLeast, .sign("+"): .plus, .sign("-"): .minus, .operation("*"): .times, .operation("div"): .div,
        .operation("mod"): .mod,
    ]

    private mutating func expression() throws(XPathFault) -> Expression {
        depth += 1
        guard depth <= XPath.deepest else { throw fault("more than \(XPath.deepest) of its parts are inside each other") }
        let expression = try operations(from: 0)
        depth -= 1
        return expression
    }

    /// Operands joined by operators of that rank and higher ones.
    private mutating func operations(from rank: Int) throws(XPathFault) -> Expression {
        var left = try unary()
        while let operation = Self.operators[kind], operation.rank >= rank {
            next += 1
            let right = Expression.Operation(operation: operation, operand: try operations(from: operation.rank + 1))
            if case .operations(let first, let row) = left, row[0].operation.rank == operation.rank {
                left = .operations(first, row + [right])
            } else {
                left = .operations(left, [right])
            }
        }
        return left
    }

    private mutating func unary() throws(XPathFault) -> Expression {
        var signs = 0
        while take("-") { signs += 1 }
        guard signs > 0 else { return try union() }
        let value = try union()
        // Even twice: it makes a number of it.
        return signs % 2 == 0 ? .negated(.negated(value)) : .negated(value)
    }

    private mutating func union() throws(XPathFault) -> Expression {
        let first = try path()
        guard kind == .sign("|") else { return first }
        guard first.isNodes else { throw fault("'|' joins nodes, and what stands before it gives none") }
        var parts = [first]
        while take("|") {
            let part = try path()
            guard part.isNodes else { throw fault("'|' joins nodes, and what stands behind it gives none") }
            parts.append(part)
        }
        return .union(parts)
    }

    // MARK: Paths

    private mutating func path() throws(XPathFault) -> Expression {
        if take("/") { return .path(Path(start: .root, steps: beginsStep ? try steps() : [])) }
        if take("//") { return .path(Path(start: .root, steps: [.anyDepth] + (try steps()))) }
        guard let value = try primary() else { return .path(Path(start: .context, steps: try steps())) }
        let predicates = try predicates()
        var more: [Step] = []
        if take("/") { more = try steps() } else if take("//") { more = [.anyDepth] + (try steps()) }
        guard !predicates.isEmpty || !more.isEmpty else { return value }
        guard value.isNodes else { throw fault("a predicate or a step needs nodes, and what stands before it gives none") }
        return .path(Path(start: .expression(value, predicates: predicates), steps: more))
    }

    private var beginsStep: Bool {
        switch kind {
        case .name, .wildcard, .sign("."), .sign(".."), .sign("@"): true
        default: false
        }
    }

    private mutating func steps() throws(XPathFault) -> [Step] {
        var steps = [try step()]
        while true {
            if take("//") { steps.append(.anyDepth) } else if !take("/") { return steps }
            steps.append(try step())
        }
    }

    private mutating func step() throws(XPathFault) -> Step {
        if take(".") { return Step(axis: .self, test: .node, predicates: []) }
        if take("..") { return Step(axis: .parent, test: .node, predicates: []) }
        var axis = Axis.child
        if take("@") {
            axis = .attribute
        } else if case .name(let name) = kind, tokens[next + 1].kind == .sign("::") {
            guard let known = Axis(rawValue: name) else {
                throw fault("'\(name)' is no axis; there are \(Axis.allCases.map(\.rawValue).joined(separator: ", "))")
            }
            axis = known
            next += 2
        }
        let test = try test()
        return Step(axis: axis, test: test, predicates: try predicates())
    }

    private mutating func test() throws(XPathFault) -> NodeTest {
        switch kind {
        case .wildcard(let prefix):
            var namespace: String?
            if let prefix { namespace = try self.namespace(of: prefix) }
            next += 1
            return .named(local: nil, namespace: namespace)
        case .name(let name) where tokens[next + 1].kind == .sign("("):
            return try kindTest(name)
        case .name(let name):
            let parts = name.split(separator: ":")
            let namespace: String? = parts.count == 2 ? try namespace(of: String(parts[0])) : namespaces.isEmpty ? nil : ""
            next += 1
            return .named(local: String(parts.last ?? ""), namespace: namespace)
        default: throw fault("the name of an element is missing before \(words)")
        }
    }

    private mutating func kindTest(_ name: String) throws(XPathFault) -> NodeTest {
        let tests: [String: NodeTest] = ["node": .node, "text": .text, "comment": .comment, "processing-instruction": .instruction(nil)]
        guard var test = tests[name] else { throw fault("\(name)() is a function, and no step of a path; they begin one") }
        next += 2
        if name == "processing-instruction", case .literal(let target) = kind {
            next += 1
            test = .instruction(target)
        }
        try need(")")
        return test
    }

    private func namespace(of prefix: String) throws(XPathFault) -> String {
        if prefix == "xml" { return "http://www.w3.org/XML/1998/namespace" }
        guard let namespace = namespaces[prefix] else {
            let declared = namespaces.keys.sorted().joined(separator: ", ")
            let known = declared.isEmpty ? "none are; a name without one is found in every namespace" : declared
            throw fault("the prefix '\(prefix)' is not declared; declared: \(known)")
        }
        return namespace
    }

    private mutating func predicates() throws(XPathFault) -> [Expression] {
        var predicates: [Expression] = []
        while take("[") {
            predicates.append(try expression())
            try need("]")
        }
        return predicates
    }

    // MARK: Values

    /// Nil: it is a step.
    private mutating func primary() throws(XPathFault) -> Expression? {
        switch kind {
        case .literal(let text):
            next += 1
            return .literal(Array(text.utf8))
        case .number(let value):
            next += 1
            return .number(value)
        case .sign("("):
            next += 1
            let value = try expression()
            try need(")")
            return value
        case .name(let name) where tokens[next + 1].kind == .sign("("):
            guard !["node", "text", "comment", "processing-instruction"].contains(name) else { return nil }
            return try call(name)
        default: return nil
        }
    }

    private mutating func call(_ name: String) throws(XPathFault) -> Expression {
        guard let function = Function(rawValue: name) else {
            throw fault("there is no function \(name)(); there are \(Function.allCases.map(\.rawValue).joined(separator: ", "))")
        }
        let start = next
        next += 2
        var arguments: [Expression] = []
        if kind != .sign(")") {
            repeat { arguments.append(try expression()) } while take(",")
        }
        try need(")")
        guard function.arguments.contains(arguments.count) else {
            throw XPathFault(text: text, place: tokens[start].place, why: "\(name)() \(wanted(function)), and has \(arguments.count)")
        }
        if function.takesNodes, let first = arguments.first, !first.isNodes {
            throw XPathFault(text: text, place: tokens[start].place, why: "\(name)() needs nodes, and its argument gives none")
        }
        return .call(function, arguments)
    }

    private func wanted(_ function: Function) -> String {
        let range = function.arguments
        if range.upperBound == .max { return "takes \(range.lowerBound) arguments or more" }
        if range == 1...1 { return "takes one argument" }
        return range.count == 1 ? "takes \(range.lowerBound) arguments" : "takes \(range.lowerBound) to \(range.upperBound) arguments"
    }
}
