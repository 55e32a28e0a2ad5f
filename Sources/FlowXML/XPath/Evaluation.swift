/// Evaluates one expression on one document. Every node and every 16 bytes that are looked at count, every byte of a text that is made counts, and behind
/// `XMLLimits.steps` of them it ends with a fault: that is the bound of its time and of its memory.
struct Evaluation {
    /// What an expression gives. Nodes are in the document's order, each once.
    enum Value {
        case nodes([Int32])
        case string(ArraySlice<UInt8>)
        case number(Double)
        case boolean(Bool)
    }

    /// For what an expression is evaluated.
    struct Focus {
        var node: Int32
        var position: Int
        var size: Int
    }

    /// Bytes that are looked at in one step.
    private static let bytesInStep = 16

    let tree: Tree
    private let limits: XMLLimits
    private var steps = 0

    init(_ tree: Tree, limits: XMLLimits) {
        self.tree = tree
        self.limits = limits
    }

    mutating func result(of expression: Expression) throws(XMLFault) -> XMLValue {
        switch try value(of: expression, Focus(node: 0, position: 1, size: 1)) {
        case .number(let number): return .number(number)
        case .boolean(let boolean): return .boolean(boolean)
        case .string(let string):
            try bound(string.count)
            return .string(String(decoding: string, as: UTF8.self))
        case .nodes(let nodes):
            guard nodes.count <= limits.values else { throw .tooLarge(.values, limit: limits.values) }
            var bytes = 0
            for node in nodes {
                bytes += tree.string(of: node).count
                try bound(bytes)
            }
            return .strings(nodes.map { String(decoding: tree.string(of: $0), as: UTF8.self) })
        }
    }

    private func bound(_ bytes: Int) throws(XMLFault) {
        guard bytes <= limits.valueBytes else { throw .tooLarge(.valueBytes, limit: limits.valueBytes) }
    }

    // MARK: Work

    mutating func charge(_ more: Int = 1) throws(XMLFault) {
        steps += more
        guard steps <= limits.steps else { throw .tooMuchWork(limit: limits.steps) }
    }

    /// Somebody looks through that.
    mutating func read(_ string: ArraySlice<UInt8>) throws(XMLFault) -> ArraySlice<UInt8> {
        try charge(1 + string.count / Self.bytesInStep)
        return string
    }

    // MARK: Expressions

    mutating func value(of expression: Expression, _ focus: Focus) throws(XMLFault) -> Value {
        try charge()
        switch expression {
        case .number(let number): return .number(number)
        case .literal(let bytes): return .string(bytes[...])
        case .negated(let part): return .number(-(try number(of: value(of: part, focus))))
        case .operations(let first, let row):
            var value = try value(of: first, focus)
            for operation in row { value = try self.value(of: operation, behind: value, focus) }
            return value
        case .union(let parts):
            var found: [Int32] = []
            for part in parts { found += try nodes(of: part, focus) }
            return .nodes(try inOrder(found))
        case .call(let function, let arguments): return try call(function, arguments, focus)
        case .path(let path): return .nodes(try nodes(of: path, focus))
        }
    }

    private mutating func value(of operation: Expression.Operation, behind first: Value, _ focus: Focus) throws(XMLFault) -> Value {
        let `operator` = operation.operation
        // What cannot change it any more is not looked at.
        if `operator` == .or, boolean(of: first) { return .boolean(true) }
        if `operator` == .and, !boolean(of: first) { return .boolean(false) }
        let second = try value(of: operation.operand, focus)
        switch `operator` {
        case .or, .and: return .boolean(boolean(of: second))
        case .equal: return .boolean(try areEqual(first, second, negated: false))
        case .unequal: return .boolean(try areEqual(first, second, negated: true))
        case .less: return .boolean(try isLess(first, second, orEqual: false))
        case .atMost: return .boolean(try isLess(first, second, orEqual: true))
        case .greater: return .boolean(try isLess(second, first, orEqual: false))
        case .atLeast: return .boolean(try isLess(second, first, orEqual: true))
        case .plus, .minus, .times, .div, .mod:
            return .number(Self.calculate(`operator`, try number(of: first), try number(of: second)))
        }
    }

    private static func calculate(_ operation: Expression.Operator, _ left: Double, _ right: Double) -> Double {
        switch operation {
        case .plus: left + right
        case .minus: left - right
        case .times: left * right
        case .div: left / right
        default: left.truncatingRemainder(dividingBy: right)
        }
    }

    // MARK: Conversions

    /// The parser has seen to it that it gives nodes.
    mutating func nodes(of expression: Expression, _ focus: Focus) throws(XMLFault) -> [Int32] {
        guard case .nodes(let nodes) = try value(of: expression, focus) else { return [] }
        return nodes
    }

    func boolean(of value: Value) -> Bool {
        switch value {
        case .nodes(let nodes): !nodes.isEmpty
        case .string(let string): !string.isEmpty
        case .number(let number): number != 0 && !number.isNaN
        case .boolean(let boolean): boolean
        }
    }

    func string(of value: Value) -> ArraySlice<UInt8> {
        switch value {
        case .nodes(let nodes): nodes.first.map { tree.string(of: $0) } ?? []
        case .string(let string): string
        case .number(let number): Array(XPathNumber.text(of: number).utf8)[...]
        case .boolean(let boolean): Array((boolean ? "true" : "false").utf8)[...]
        }
    }

    mutating func number(of value: Value) throws(XMLFault) -> Double {
        switch value {
        case .number(let number): number
        case .boolean(let boolean): boolean ? 1 : 0
        case .nodes, .string: XPathNumber.value(of: try read(string(of: value))) ?? .nan
        }
    }

    mutating func number(of node: Int32) throws(XMLFault) -> Double { try number(of: .string(tree.string(of: node))) }
}
