/// A pattern as states that are followed side by side.
struct PatternProgram {
    private enum State {
        /// Goes to the next state over one character of this set.
        case over(ScalarSet)
        /// Goes on at both, or at one, without a character.
        case both(Int, Int)
        case go(Int)
        /// Goes to the next state at such a place only.
        case place(PatternPlace)
        case end
    }

    private var code: [State] = []

    /// What each character of a text costs at most.
    var states: Int { code.count }

    /// Throws when it would need more states than allowed.
    init(_ tree: PatternTree) throws(PatternError) {
        try add(tree)
        try append(.end)
    }

    // MARK: - Making it

    private mutating func append(_ state: State) throws(PatternError) {
        guard code.count < Limits.patternStates else {
            throw PatternError(message: "it needs more than \(Limits.patternStates) states; its repetitions in each other are too large")
        }
        code.append(state)
    }

    private mutating func add(_ tree: PatternTree) throws(PatternError) {
        switch tree {
        case .empty: break
        case .scalar(let set): try append(.over(set))
        case .place(let place): try append(.place(place))
        case .sequence(let parts): for part in parts { try add(part) }
        case .choice(let parts): try add(choice: parts)
        case .repeated(let part, let atLeast, let atMost): try add(part, atLeast: atLeast, atMost: atMost)
        }
    }

    private mutating func add(choice parts: [PatternTree]) throws(PatternError) {
        var ends: [Int] = []
        for part in parts.dropLast() {
            let fork = code.count
            try append(.go(0))
            try add(part)
            ends.append(code.count)
            try append(.go(0))
            code[fork] = .both(fork + 1, code.count)
        }
        if let last = parts.last { try add(last) }
        for end in ends { code[end] = .go(code.count) }
    }

    private mutating func add(_ part: PatternTree, atLeast: Int, atMost: Int?) throws(PatternError) {
        for _ in 0..<atLeast {
            let before = code.count
            try add(part)
            // Nothing, however often, is nothing.
            if code.count == before { return }
        }
        guard let atMost else {
            let loop = code.count
            try append(.go(0))
            try add(part)
            try append(.go(loop))
            code[loop] = .both(loop + 1, code.count)
            return
        }
        var forks: [Int] = []
        for _ in atLeast..<max(atLeast, atMost) {
            forks.append(code.count)
            try append(.go(0))
            try add(part)
        }
        for fork in forks { code[fork] = .both(fork + 1, code.count) }
    }

    // MARK: - Following it

    func matches(_ text: String) -> Bool {
        var now = Front(count: code.count), later = Front(count: code.count)
        var scalars = text.unicodeScalars.makeIterator()
        var before: Unicode.Scalar?
        var current = scalars.next()
        reach(0, &now, before, current)
        while let scalar = current {
            guard !now.places.isEmpty else { return false }
            let after = scalars.next()
            later.clear()
            for place in now.places {
                if case .over(let set) = code[place], set.contains(scalar) { reach(place + 1, &later, scalar, after) }
            }
            (now, later) = (later, now)
            (before, current) = (scalar, after)
        }
        return now.places.contains { if case .end = code[$0] { true } else { false } }
    }

    /// Adds the state and all that it goes on to without a character, each once.
    private func reach(_ state: Int, _ front: inout Front, _ before: Unicode.Scalar?, _ after: Unicode.Scalar?) {
        front.waiting.append(state)
        while let place = front.waiting.popLast() {
            guard front.add(place) else { continue }
            switch code[place] {
            case .over, .end: front.places.append(place)
            case .both(let one, let other):
                front.waiting.append(other)
                front.waiting.append(one)
            case .go(let next): front.waiting.append(next)
            case .place(let here): if here.holds(between: before, and: after) { front.waiting.append(place + 1) }
            }
        }
    }

    /// States that a text has come to.
    private struct Front {
        var places: [Int] = []
        var waiting: [Int] = []
        private var seen: [Int]
        private var round = 1

        init(count: Int) { seen = [Int](repeating: 0, count: count) }

        mutating func add(_ place: Int) -> Bool {
            guard seen[place] != round else { return false }
            seen[place] = round
            return true
        }

        mutating func clear() {
            places.removeAll(keepingCapacity: true)
            round += 1
        }
    }
}
