internal import FlowModel

/// What a step, a target or a whole run has to itself while it runs. Others that want it wait, in the order in which they asked.
///
///     shell("migrate", "make migrate", on: host, lock: .exclusive("db-\($env)"))
///     shell("report", "make report", lock: [.shared("db-prod"), .exclusive("reports")])
///
/// A lock is known by its name, in all flows of an engine. Several are had together or not at all. One is let go of when the step, target or
/// run ends, and while a failed attempt waits for the next; never while the outcome of an attempt is unknown.
public struct Lock: Sendable, ExpressibleByArrayLiteral {
    let claims: [ClaimSpec]

    /// Alone.
    public static func exclusive(_ names: Text...) -> Lock { Lock(claims: names.map { ClaimSpec(name: $0.expression, kind: .exclusive) }) }

    /// Together with everybody who shares it, and without anybody who has it alone: readers beside a writer.
    public static func shared(_ names: Text...) -> Lock { Lock(claims: names.map { ClaimSpec(name: $0.expression, kind: .shared) }) }

    public init(arrayLiteral locks: Lock...) { claims = locks.flatMap(\.claims) }

    private init(claims: [ClaimSpec]) { self.claims = claims }
}

/// What each target of a rollout, or element of a map, has to itself from its first step to its last.
///
///     rollout("deploy", to: $hosts, lockEach: .exclusive { "host-\($0.name)" }) { host in … }
public struct LockEach<Element> {
    let claims: (Element) -> [ClaimSpec]

    /// Alone.
    public static func exclusive(_ name: @escaping (Element) -> Text) -> LockEach {
        LockEach { [ClaimSpec(name: name($0).expression, kind: .exclusive)] }
    }

    /// Together with everybody who shares it.
    public static func shared(_ name: @escaping (Element) -> Text) -> LockEach {
        LockEach { [ClaimSpec(name: name($0).expression, kind: .shared)] }
    }
}

/// How many may do something at once, or how often it may be begun.
public struct Limit: Sendable, ExpressibleByArrayLiteral {
    let claims: [ClaimSpec]

    /// `weight` of the `of` slots that everybody shares who names this limit.
    public static func slots(_ name: Text, weight: Int = 1, of count: Int) -> Limit {
        Limit(claims: [ClaimSpec(name: name.expression, kind: .slots(weight: weight, of: count))])
    }

    /// One of `count` starts in any stretch of time so long: each attempt is one.
    public static func rate(_ name: Text, _ count: Int, per period: RatePeriod) -> Limit {
        Limit(claims: [ClaimSpec(name: name.expression, kind: .rate(count: count, seconds: period.seconds))])
    }

    public init(arrayLiteral limits: Limit...) { claims = limits.flatMap(\.claims) }

    private init(claims: [ClaimSpec]) { self.claims = claims }
}

/// The stretch of time that a rate counts in.
public enum RatePeriod: Sendable {
    case second, minute, hour, day

    var seconds: Double {
        switch self {
        case .second: 1
        case .minute: 60
        case .hour: 3_600
        case .day: 86_400
        }
    }
}

/// What becomes of a run that is started, by whatever, while another one of its flow goes on.
public enum Overlap: String, Sendable {
    /// Both go on.
    case allow
    /// It waits until the other one has ended.
    case queue
    /// It is refused.
    case skip
    /// The other one is cancelled, and it begins when nothing is left of that.
    case replace
}

/// How urgent the runs of a flow are: 0 to 9, or a name.
public struct RunPriority: Sendable, ExpressibleByIntegerLiteral {
    let value: Int

    public static let low: RunPriority = 2
    public static let normal: RunPriority = 5
    public static let high: RunPriority = 8

    public init(integerLiteral value: Int) { self.value = value }
}

extension Policy {
    /// The same, with what it has to itself.
    func claiming(_ lock: Lock?, _ limit: Limit?) -> Policy {
        var policy = self
        let claims = (lock?.claims ?? []) + (limit?.claims ?? [])
        policy.claims = claims.isEmpty ? nil : claims
        return policy
    }
}

extension FlowControl {
    /// What the flow says about its runs; nil when it says nothing.
    init?<F: Flow>(of flow: F) {
        let claims = flow.lock.claims + flow.limit.claims
        self.init(
            claims: claims.isEmpty ? nil : claims, overlap: F.overlap == .allow ? nil : ScheduleSpec.Overlap(rawValue: F.overlap.rawValue),
            priority: F.priority.value == Priority.usual ? nil : F.priority.value, retryBudget: F.retryBudget)
        if isEmpty { return nil }
    }
}

extension Recorder {
    /// Notes what each element of the map or rollout whose body is open has to itself.
    static func claimEach(_ claims: [ClaimSpec], of id: String, _ site: Site) {
        guard let current, !claims.isEmpty else { return }
        for fault in current.change({ $0.claimEach(claims, of: id, current.parameters) }) { complain(id, fault, site) }
    }
}

extension Recorder.State {
    fileprivate mutating func claimEach(_ claims: [ClaimSpec], of id: String, _ parameters: Set<String>) -> [String] {
        guard let place = places[id] else { return [] }
        nodes[place.index].policy.elementClaims = claims
        var needs: [String] = []
        return claims.flatMap { use($0.name, needs: &needs, parameters) }
    }
}
