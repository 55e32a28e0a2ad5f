/// What a step, an element of a map or a run takes for itself while it runs: a lock, slots of a limit, a turn at a rate.
package struct ClaimSpec: Hashable, Sendable {
    package enum Kind: Hashable, Sendable {
        /// Alone.
        case exclusive
        /// Together with others that share it.
        case shared
        /// So many of the slots that there are.
        case slots(weight: Int, of: Int)
        /// One of the starts that are allowed in any stretch of so many seconds. Nothing is held.
        case rate(count: Int, seconds: Double)
        /// The one run of a flow that goes on, where runs of it must not overlap.
        case overlap
    }

    /// Its name, known when it is asked for.
    package var name: Expression
    package var kind: Kind

    package init(name: Expression, kind: Kind) {
        self.name = name
        self.kind = kind
    }
}

/// A claim by its name as it is now.
package struct Demand: Hashable, Sendable {
    package var name: String
    package var kind: ClaimSpec.Kind

    package init(name: String, kind: ClaimSpec.Kind) {
        self.name = name
        self.kind = kind
    }

    /// What it is one of: locks, limits, rates and flows have names of their own.
    package var key: String {
        switch kind {
        case .exclusive, .shared: "lock:\(name)"
        case .slots: "limit:\(name)"
        case .rate: "rate:\(name)"
        case .overlap: "flow:\(name)"
        }
    }

    package var isRate: Bool { if case .rate = kind { true } else { false } }

    /// For people: `exclusive 'db'`, `2 of 10 'api'`.
    package var words: String {
        switch kind {
        case .exclusive: "lock '\(name)'"
        case .shared: "lock '\(name)', shared"
        case .slots(let weight, let of): "\(weight) of the \(of) slots of '\(name)'"
        case .rate(let count, let seconds): "rate '\(name)', \(count) in \(JSON.double(seconds).text) s"
        case .overlap: "the end of other runs of flow '\(name)'"
        }
    }
}

extension [Demand] {
    /// The wait of somebody who needs all of them.
    package var waitKind: WaitKind { allSatisfy(\.isRate) ? .rate : .lock }
    package var words: String { map(\.words).joined(separator: " and ") }
}
