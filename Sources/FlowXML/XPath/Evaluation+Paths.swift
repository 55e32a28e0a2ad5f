/// Paths and their steps.
extension Evaluation {
    mutating func nodes(of path: Path, _ focus: Focus) throws(XMLFault) -> [Int32] {
        var found: [Int32]
        switch path.start {
        case .context: found = [focus.node]
        case .root: found = [0]
        case .expression(let expression, let predicates):
            found = try nodes(of: expression, focus)
            for predicate in predicates { found = try filter(found, predicate) }
        }
        var steps = path.steps[...]
        while var step = steps.popFirst(), !found.isEmpty {
            // `//a`: the same nodes, without making a list of all that there are.
            if step.isAnyDepth, let next = steps.first, next.axis == .child, next.predicates.isEmpty {
                steps.removeFirst()
                step = Step(axis: .descendant, test: next.test, predicates: [])
            }
            found = try apply(step, to: found)
        }
        return found
    }

    private mutating func apply(_ step: Step, to contexts: [Int32]) throws(XMLFault) -> [Int32] {
        guard !step.predicates.isEmpty else { return try inOrder(try all(step, of: contexts)) }
        var found: [Int32] = []
        for context in contexts {
            var nodes: [Int32] = []
            // `[1]` is what is asked most, and needs no look at all others.
            let most = if case .number(let position) = step.predicates[0], position < 1e6 { Int(max(1, position)) } else { Int.max }
            try collect(step, of: context, into: &nodes, most: most)
            for predicate in step.predicates { nodes = try filter(nodes, predicate) }
            found += nodes
        }
        return try inOrder(found)
    }

    /// What is left of nodes that stand in the order in which positions count.
    private mutating func filter(_ nodes: [Int32], _ predicate: Expression) throws(XMLFault) -> [Int32] {
        if case .number(let position) = predicate {
            return position >= 1 && position <= Double(nodes.count) && position == position.rounded() ? [nodes[Int(position) - 1]] : []
        }
        var left: [Int32] = []
        for (index, node) in nodes.enumerated() {
            let value = try value(of: predicate, Focus(node: node, position: index + 1, size: nodes.count))
            let isIn = if case .number(let number) = value { number == Double(index + 1) } else { boolean(of: value) }
            if isIn { left.append(node) }
        }
        return left
    }

    /// In the document's order, each once.
    mutating func inOrder(_ nodes: [Int32]) throws(XMLFault) -> [Int32] {
        try charge(nodes.count)
        guard zip(nodes, nodes.dropFirst()).contains(where: { $0 >= $1 }) else { return nodes }
        try charge(4 * nodes.count)
        var unique: [Int32] = []
        for node in nodes.sorted() where node != unique.last { unique.append(node) }
        return unique
    }

    // MARK: Of many

    /// For contexts in order, without positions: what one of them has found the next need not look for again. Perhaps not in order.
    private mutating func all(_ step: Step, of contexts: [Int32]) throws(XMLFault) -> [Int32] {
        var found: [Int32] = []
        switch step.axis {
        case .descendant, .descendantOrSelf:
            var covered: Int32 = 0
            for context in contexts {
                // An attribute is inside no stretch that was looked through.
                guard context >= covered || tree.nodes[Int(context)].kind == .attribute else { continue }
                try collect(step, of: context, into: &found)
                covered = max(covered, tree.nodes[Int(context)].end)
            }
        case .following:
            guard let first = contexts.map({ tree.nodes[Int($0)].end }).min() else { return [] }
            try scan(first..<Int32(tree.nodes.count), step, into: &found)
        case .preceding:
            if let last = contexts.last { try collect(step, of: last, into: &found) }
        case .followingSibling, .precedingSibling:
            var seen: Set<Int32> = []
            for context in step.axis == .followingSibling ? contexts : contexts.reversed() where tree.nodes[Int(context)].kind != .attribute {
                guard seen.insert(tree.nodes[Int(context)].parent).inserted else { continue }
                try collect(step, of: context, into: &found)
            }
        case .ancestor, .ancestorOrSelf, .attribute, .child, .parent, .self:
            for context in contexts { try collect(step, of: context, into: &found) }
        }
        return found
    }

    // MARK: Of one

    /// In the order in which positions count, at most so many.
    private mutating func collect(_ step: Step, of context: Int32, into found: inout [Int32], most: Int = .max) throws(XMLFault) {
        let node = tree.nodes[Int(context)]
        try charge()
        switch step.axis {
        case .self: take(context, step, into: &found)
        case .parent: if node.parent >= 0 { take(node.parent, step, into: &found) }
        case .child: try siblings(node.children, until: node.end, step, into: &found, most)
        case .attribute:
            guard node.kind == .element else { return }
            try charge(Int(node.children - context))
            for attribute in (context + 1)..<node.children { take(attribute, step, into: &found) }
        case .descendant: try scan(node.children..<node.end, step, into: &found, most)
        case .descendantOrSelf:
            take(context, step, into: &found)
            try scan(node.children..<node.end, step, into: &found, most)
        case .following: try scan(node.end..<Int32(tree.nodes.count), step, into: &found, most)
        case .preceding: try before(context, step, into: &found, most)
        case .ancestor, .ancestorOrSelf: try ancestors(of: context, step, into: &found)
        case .followingSibling:
            guard node.kind != .attribute, node.parent >= 0 else { return }
            try siblings(node.end, until: tree.nodes[Int(node.parent)].end, step, into: &found, most)
        case .precedingSibling:
            guard node.kind != .attribute, node.parent >= 0 else { return }
            try siblingsBefore(context, step, into: &found, most)
        }
    }

    private mutating func siblings(_ first: Int32, until end: Int32, _ step: Step, into found: inout [Int32], _ most: Int) throws(XMLFault) {
        var next = first
        while next < end, found.count < most {
            try charge()
            take(next, step, into: &found)
            next = tree.nodes[Int(next)].end
        }
    }

    private mutating func siblingsBefore(_ context: Int32, _ step: Step, into found: inout [Int32], _ most: Int) throws(XMLFault) {
        let parent = tree.nodes[Int(context)].parent
        let first = tree.nodes[Int(parent)].children
        var next = context
        while next > first, found.count < most {
            next -= 1
            // What stands before it is the last inside the one before it.
            while tree.nodes[Int(next)].parent != parent {
                try charge()
                next = tree.nodes[Int(next)].parent
            }
            try charge()
            take(next, step, into: &found)
        }
    }

    /// Attributes are on no axis but their own.
    private mutating func scan(_ range: Range<Int32>, _ step: Step, into found: inout [Int32], _ most: Int = .max) throws(XMLFault) {
        var looked = 0
        for index in range {
            guard found.count < most else { break }
            looked += 1
            if tree.nodes[Int(index)].kind != .attribute { take(index, step, into: &found) }
        }
        try charge(looked)
    }

    private mutating func before(_ context: Int32, _ step: Step, into found: inout [Int32], _ most: Int) throws(XMLFault) {
        var next = context
        while next > 0, found.count < most {
            next -= 1
            try charge()
            guard tree.nodes[Int(next)].kind != .attribute, tree.nodes[Int(next)].end <= context else { continue }
            take(next, step, into: &found)
        }
    }

    private mutating func ancestors(of context: Int32, _ step: Step, into found: inout [Int32]) throws(XMLFault) {
        var next = step.axis == .ancestorOrSelf ? context : tree.nodes[Int(context)].parent
        while next >= 0 {
            try charge()
            take(next, step, into: &found)
            next = tree.nodes[Int(next)].parent
        }
    }

    private func take(_ index: Int32, _ step: Step, into found: inout [Int32]) {
        let kind = tree.nodes[Int(index)].kind
        let fits =
            switch step.test {
            case .node: true
            case .text: kind == .text
            case .comment: kind == .comment
            case .instruction(let target): kind == .instruction && (target == nil || tree.name(of: index)?.local == target)
            case .named(let local, let namespace):
                kind == (step.axis == .attribute ? .attribute : .element) && isNamed(index, local, namespace)
            }
        if fits { found.append(index) }
    }

    private func isNamed(_ index: Int32, _ local: String?, _ namespace: String?) -> Bool {
        guard let name = tree.name(of: index) else { return false }
        return (local == nil || name.local == local) && (namespace == nil || name.namespace == namespace)
    }
}

extension Step {
    fileprivate var isAnyDepth: Bool {
        if axis == .descendantOrSelf, predicates.isEmpty, case .node = test { true } else { false }
    }
}
