/// `=`, `!=`, `<` and their like: XPath 1.0, 3.4. Nodes are compared in one pass over each side, not each with each.
extension Evaluation {
    mutating func areEqual(_ first: Value, _ second: Value, negated: Bool) throws(XMLFault) -> Bool {
        switch (first, second) {
        case (.nodes(let left), .nodes(let right)): return negated ? try differ(left, right) : try meet(left, right)
        case (.nodes, .boolean(let other)), (.boolean(let other), .nodes):
            let isThere = if case .nodes = first { boolean(of: first) } else { boolean(of: second) }
            return (isThere == other) != negated
        case (.nodes(let nodes), let other), (let other, .nodes(let nodes)): return try any(of: nodes, equals: other, negated: negated)
        case (.boolean, _), (_, .boolean): return (boolean(of: first) == boolean(of: second)) != negated
        case (.number, _), (_, .number):
            let (left, right) = (try number(of: first), try number(of: second))
            return negated ? left != right : left == right
        case (.string(let left), .string(let right)): return (try read(left) == right) != negated
        }
    }

    private mutating func any(of nodes: [Int32], equals other: Value, negated: Bool) throws(XMLFault) -> Bool {
        for node in nodes {
            if case .number(let wanted) = other {
                let number = try number(of: node)
                if negated ? number != wanted : number == wanted { return true }
            } else {
                let (mine, theirs) = (tree.string(of: node), string(of: other))
                if (try isSame(mine, theirs)) != negated { return true }
            }
        }
        return false
    }

    private mutating func isSame(_ left: ArraySlice<UInt8>, _ right: ArraySlice<UInt8>) throws(XMLFault) -> Bool {
        try charge()
        guard left.count == right.count else { return false }
        return try read(left) == right
    }

    /// Whether there is one on each side with the same string-value.
    private mutating func meet(_ left: [Int32], _ right: [Int32]) throws(XMLFault) -> Bool {
        let (few, many) = left.count <= right.count ? (left, right) : (right, left)
        guard !few.isEmpty else { return false }
        var known: Set<ArraySlice<UInt8>> = []
        for node in few { known.insert(try hashed(node)) }
        for node in many where known.contains(try hashed(node)) { return true }
        return false
    }

    /// Hashing looks at each byte, and equal ones are compared.
    private mutating func hashed(_ node: Int32) throws(XMLFault) -> ArraySlice<UInt8> {
        let string = tree.string(of: node)
        try charge(4 + string.count / 4)
        return string
    }

    /// Whether there is one on each side, and the two have different string-values.
    private mutating func differ(_ left: [Int32], _ right: [Int32]) throws(XMLFault) -> Bool {
        guard let first = left.first, let other = right.first else { return false }
        for node in right where !(try isSame(tree.string(of: first), tree.string(of: node))) { return true }
        for node in left where !(try isSame(tree.string(of: other), tree.string(of: node))) { return true }
        return false
    }

    mutating func isLess(_ first: Value, _ second: Value, orEqual: Bool) throws(XMLFault) -> Bool {
        var (first, second) = (first, second)
        // What is compared with a boolean is one.
        if case .boolean = first, case .nodes = second { second = .boolean(boolean(of: second)) }
        if case .boolean = second, case .nodes = first { first = .boolean(boolean(of: first)) }
        guard let least = try extreme(of: first, isLeast: true), let greatest = try extreme(of: second, isLeast: false) else { return false }
        return orEqual ? least <= greatest : least < greatest
    }

    /// The least or greatest number of it; nil: there is none.
    private mutating func extreme(of value: Value, isLeast: Bool) throws(XMLFault) -> Double? {
        guard case .nodes(let nodes) = value else { return try number(of: value) }
        var found: Double?
        for node in nodes {
            let number = try number(of: node)
            guard !number.isNaN else { continue }
            found = found.map { isLeast ? min($0, number) : max($0, number) } ?? number
        }
        return found
    }
}
