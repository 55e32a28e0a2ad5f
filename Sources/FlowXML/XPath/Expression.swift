/// An expression, as it is evaluated.
indirect enum Expression: Sendable {
    case number(Double)
    case literal([UInt8])
    case negated(Expression)
    /// Of one rank, from the left. Not each inside the one before it: a long row needs no more stack than a short one.
    case operations(Expression, [Operation])
    case union([Expression])
    case call(Function, [Expression])
    case path(Path)

    enum Operator: Sendable {
        case or, and, equal, unequal, less, atMost, greater, atLeast, plus, minus, times, div, mod

        /// The higher, the earlier it is done.
        var rank: Int {
            switch self {
            case .or: 0
            case .and: 1
            case .equal, .unequal: 2
            case .less, .atMost, .greater, .atLeast: 3
            case .plus, .minus: 4
            case .times, .div, .mod: 5
            }
        }
    }

    struct Operation: Sendable {
        var operation: Operator
        var operand: Expression
    }
}

/// `/a/b[1]`, `id/@x`, `(//a)[1]/b`.
struct Path: Sendable {
    enum Start: Sendable {
        case context, root
        case expression(Expression, predicates: [Expression])
    }

    var start: Start
    var steps: [Step]
}

struct Step: Sendable {
    var axis: Axis
    var test: NodeTest
    var predicates: [Expression]

    /// What `//` stands for.
    static let anyDepth = Step(axis: .descendantOrSelf, test: .node, predicates: [])
}

enum Axis: String, Sendable, CaseIterable {
    case ancestor
    case ancestorOrSelf = "ancestor-or-self"
    case attribute
    case child
    case descendant
    case descendantOrSelf = "descendant-or-self"
    case following
    case followingSibling = "following-sibling"
    case parent
    case preceding
    case precedingSibling = "preceding-sibling"
    case `self`
}

enum NodeTest: Sendable {
    case node, text, comment
    /// With that target; nil: any.
    case instruction(String?)
    /// Of the axis' own kind, in that namespace; nil: in any. `local` nil: with any name.
    case named(local: String?, namespace: String?)
}

/// The functions of XPath 1.0, but `id`.
enum Function: String, Sendable, CaseIterable {
    case boolean, ceiling, concat, contains, count, `false`, floor, lang, last
    case localName = "local-name"
    case name
    case namespaceURI = "namespace-uri"
    case normalizeSpace = "normalize-space"
    case not, number, position, round
    case startsWith = "starts-with"
    case string
    case stringLength = "string-length"
    case substring
    case substringAfter = "substring-after"
    case substringBefore = "substring-before"
    case sum, translate, `true`

    /// How many arguments it takes.
    var arguments: ClosedRange<Int> {
        switch self {
        case .last, .position, .true, .false: 0...0
        case .localName, .name, .namespaceURI, .normalizeSpace, .number, .string, .stringLength: 0...1
        case .boolean, .ceiling, .count, .floor, .lang, .not, .round, .sum: 1...1
        case .contains, .startsWith, .substringAfter, .substringBefore: 2...2
        case .substring: 2...3
        case .translate: 3...3
        case .concat: 2...Int.max
        }
    }

    /// Whether its argument must be nodes.
    var takesNodes: Bool { [.count, .sum, .localName, .name, .namespaceURI].contains(self) }
}

extension Expression {
    /// Whether it gives nodes; known before it is evaluated.
    var isNodes: Bool {
        switch self {
        case .path, .union: true
        case .number, .literal, .negated, .operations, .call: false
        }
    }
}
