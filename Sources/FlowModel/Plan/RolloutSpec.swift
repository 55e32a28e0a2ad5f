/// Brings something to many hosts, batch by batch, and stops when too many fail.
package struct RolloutSpec: Hashable, Sendable {
    /// The hosts: a selector, resolved and frozen when the run starts.
    package var targets: Expression
    package var batches: BatchSizes
    package var order: RolloutOrder
    /// Targets of a batch at once; nil: all of them.
    package var concurrency: Amount?
    /// How often a target may be begun; nil: as often as there is room.
    package var startRate: StartRate?
    /// States, the label `state`, of hosts that have no turn.
    package var skipping: [String]?
    /// Seconds to wait after a batch, before the gate and the next one.
    package var soakSeconds: Double
    package var budget: FailureBudget
    package var onBreach: OnBreach

    package init(
        targets: Expression, batches: BatchSizes, order: RolloutOrder = .inventory, concurrency: Amount? = nil,
        soakSeconds: Double = 0, budget: FailureBudget = FailureBudget(), onBreach: OnBreach = .stopNew, startRate: StartRate? = nil,
        skipping: [String]? = nil
    ) {
        self.startRate = startRate
        self.skipping = skipping
        self.targets = targets
        self.batches = batches
        self.order = order
        self.concurrency = concurrency
        self.soakSeconds = soakSeconds
        self.budget = budget
        self.onBreach = onBreach
    }

    /// What happens when the budget is breached. Targets that run are never interrupted.
    package enum OnBreach: String, Hashable, Sendable, Codable, CaseIterable {
        /// No further target is begun; the step fails.
        case stopNew
        /// No further target is begun; the step waits for an operator.
        case hold
        /// No further target is begun; those that were touched are undone, then the step fails.
        case undo
    }
}

extension RolloutSpec {
    /// The label that says what state a host is in.
    package static let stateLabel = "state"

    /// The hosts that have their turn, in order, and behind them those that have none, with why.
    package func arranged(_ hosts: [Host], seed: UInt64) -> (turns: [Host], leftOut: [(host: Host, reason: String)]) {
        var (turns, leftOut): ([Host], [(host: Host, reason: String)]) = ([], [])
        for host in hosts {
            if let state = host.labels[RolloutSpec.stateLabel], skipping?.contains(state) == true {
                leftOut.append((host, "its state is '\(state)'"))
            } else {
                turns.append(host)
            }
        }
        return (order.arranged(turns, seed: seed), leftOut)
    }
}

/// So many starts in any stretch of so many seconds.
package struct StartRate: Hashable, Sendable, Codable {
    package var count: Int
    package var seconds: Double

    package init(count: Int, seconds: Double) {
        self.count = count
        self.seconds = seconds
    }

    /// When one more may start after these, oldest first; nil: at once.
    package func moment(after starts: [Instant], now: Instant) -> Instant? {
        // Those of a time to come were noted by a clock that has been set back since: nobody knows when they were.
        let starts = starts.filter { $0 <= now }
        guard count > 0, starts.count >= count else { return nil }
        let free = starts[starts.count - count] + seconds
        return free > now ? free : nil
    }

    /// What is wrong with it; nil when nothing is.
    package var fault: String? {
        if !(1...Limits.rateStarts).contains(count) { return "has 1 to \(Limits.rateStarts) starts, found \(count)" }
        if !(seconds > 0 && seconds <= Limits.rateSeconds) { return "counts in at most a day, found \(seconds) seconds" }
        return nil
    }
}

/// As text: `30/min`, `5/10s`, `600/h`.
extension StartRate: CustomStringConvertible {
    private static let units: [(name: String, seconds: Double)] = [("h", 3_600), ("min", 60), ("s", 1)]

    package var description: String {
        if let unit = StartRate.units.first(where: { $0.seconds == seconds }) { return "\(count)/\(unit.name)" }
        return "\(count)/\(secondsText)s"
    }

    package var secondsText: String { Int(exactly: seconds).map(String.init) ?? JSON.double(seconds).text }

    /// nil when it is not a number, a slash, and a unit or so many of it.
    package init?(_ text: String) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2, let count = Int(parts[0]), let unit = StartRate.units.first(where: { parts[1].hasSuffix($0.name) }) else {
            return nil
        }
        let number = parts[1].dropLast(unit.name.count)
        guard let many = number.isEmpty ? 1 : Double(number) else { return nil }
        self.init(count: count, seconds: many * unit.seconds)
    }
}

/// How many failures a rollout puts up with. The budget is breached when failures *exceed* it: 0 tolerates none.
package struct FailureBudget: Hashable, Sendable {
    /// A percentage is one of the targets in `scope`, rounded down.
    package var maxFailures: Amount
    package var scope: Scope
    package var counting: Counting

    package init(maxFailures: Amount = .count(0), scope: Scope = .rollout, counting: Counting = .both) {
        self.maxFailures = maxFailures
        self.scope = scope
        self.counting = counting
    }

    /// Which targets are counted together.
    package enum Scope: String, Hashable, Sendable, Codable, CaseIterable { case batch, rollout }

    package enum Counting: String, Hashable, Sendable, Codable, CaseIterable {
        /// Targets on which something ran and went wrong: `failed`, `timedOut`, `unknown`.
        case failed
        /// Targets that could not be asked.
        case unreachable
        case both

        package func counts(_ outcome: TargetOutcome) -> Bool {
            switch outcome {
            case .failed, .timedOut, .unknown: self != .unreachable
            case .unreachable: self != .failed
            case .ok, .changed, .skipped, .cancelled, .notStarted: false
            }
        }
    }
}

/// A number, or a share of some whole.
package enum Amount: Hashable, Sendable {
    case count(Int)
    /// 0 to 100.
    case percent(Double)

    /// How many of `total` that is at least; a share is rounded up.
    package func rounded(up total: Int) -> Int {
        switch self {
        case .count(let count): max(count, 0)
        case .percent(let share): Int(Amount.part(share, of: total).rounded(.up))
        }
    }

    /// How many of `total` that is; a share is rounded down.
    package func of(_ total: Int) -> Int {
        switch self {
        case .count(let count): max(count, 0)
        case .percent(let share): Int(Amount.part(share, of: total))
        }
    }

    /// Within 0 and `total`, whatever a plan that was kept says.
    private static func part(_ share: Double, of total: Int) -> Double {
        share > 0 ? Double(total) * min(share, 100) / 100 : 0
    }

    /// What is wrong with it; nil when nothing is.
    package var fault: String? {
        switch self {
        case .count(let count): count < 0 ? "must be 0 or more, found \(count)" : nil
        case .percent(let share): (0...100).contains(share) ? nil : "must be 0 to 100 percent, found \(share)"
        }
    }

    /// `3` or `5%`; nil for anything else.
    package init?(_ text: String) {
        if text.hasSuffix("%") {
            guard let share = Double(text.dropLast()), (0...100).contains(share) else { return nil }
            self = .percent(share)
        } else {
            guard let count = Int(text), count >= 0 else { return nil }
            self = .count(count)
        }
    }
}

extension Amount: CustomStringConvertible {
    package var description: String {
        switch self {
        case .count(let count): String(count)
        case .percent(let share): "\(Int(exactly: share).map(String.init) ?? "\(share)")%"
        }
    }
}

/// The order in which the targets of a rollout have their turn.
package enum RolloutOrder: Hashable, Sendable {
    case inventory
    case reverse
    case name
    /// By the number in the label, low ones first; hosts without one come last, each kind in the order of the inventory.
    case rank(String)
    /// By chance. The order that came out is in the journal.
    case shuffle
    /// Values of the label take turns, so that neighbours differ where they can.
    case spread(String)

    /// The hosts in this order. `seed` decides `shuffle`, and nothing else.
    package func arranged(_ hosts: [Host], seed: UInt64) -> [Host] {
        switch self {
        case .inventory: return hosts
        case .reverse: return hosts.reversed()
        case .name: return hosts.sorted { $0.name.unicodeScalars.lexicographicallyPrecedes($1.name.unicodeScalars) }
        case .rank(let label):
            let ranks = hosts.map { $0.labels[label].flatMap(Double.init) ?? .infinity }
            return hosts.indices.sorted { (ranks[$0], $0) < (ranks[$1], $1) }.map { hosts[$0] }
        case .shuffle:
            var random = SplitMix(state: seed)
            var hosts = hosts
            for end in stride(from: hosts.count - 1, to: 0, by: -1) { hosts.swapAt(end, Int(random.next() % UInt64(end + 1))) }
            return hosts
        case .spread(let label): return RolloutOrder.spread(hosts) { $0.labels[label] ?? "" }
        }
    }

    /// One of each kind in turn, kinds in the order of their first host.
    private static func spread(_ hosts: [Host], by kind: (Host) -> String) -> [Host] {
        var kinds: [String] = []
        var members: [String: [Host]] = [:]
        for host in hosts {
            if members[kind(host)] == nil { kinds.append(kind(host)) }
            members[kind(host), default: []].append(host)
        }
        var spread: [Host] = []
        for turn in 0..<(members.values.map(\.count).max() ?? 0) {
            for name in kinds { if let queue = members[name], turn < queue.count { spread.append(queue[turn]) } }
        }
        return spread
    }
}

/// SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014).
private struct SplitMix {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
