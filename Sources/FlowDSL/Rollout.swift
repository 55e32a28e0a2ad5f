internal import FlowModel

/// Brings something to many hosts, batch by batch, and stops when too many fail.
///
/// ```swift
/// rollout("deploy", to: $hosts, batches: "1 10% *2", soak: .minutes(5), maxFailures: .percent(5)) { host in
///     shell("switch", "/opt/web/switch \($version)", on: host)
/// } undo: { host in
///     shell("switch-back", "/opt/web/switch --previous", on: host)
/// } between: { batch in
///     approval("go-on", "Batch \(batch.number) of \(batch.of) is out. Go on?", rules: [.role("release-manager")])
/// }
/// ```
/// Each host goes through the body; one that fails does not stop the others. Its outcome is `ok`, `changed`, `skipped`, `failed`, `unreachable`,
/// `timedOut`, `cancelled`, `notStarted` or `unknown`. The value says how many hosts came to each.
///
/// - Parameters:
///   - batches: one term for each batch, the last one repeats: `n` hosts, `n%` of all (rounded up, at least 1), `*n` times or `+n` more than the
///     batch before.
///   - concurrency: hosts of a batch at once; all of it unless given.
///   - startRate: how many hosts may be begun in any stretch of time; as many as there is room for unless given.
///   - skipping: states, the label `state`, of hosts that are left out; their outcome is `skipped`.
///   - soak: how long to wait after a batch before anything further is done.
///   - maxFailures: how many hosts may fail; the budget is breached when more do. A share is rounded down.
///   - budget: what `maxFailures` is counted in: all hosts, or those of a batch.
///   - counting: whether hosts count that failed, that could not be reached, or both.
///   - onBreach: what happens then: no further host is begun, and the step fails; waits for an operator; or undoes and then fails.
///   - lock, limit: what the rollout has to itself as a whole.
///   - lockEach, limitEach: what each host has to itself from the first step on it to the last, and while it is undone.
///   - undo: takes back what the body did on a host. It runs on request (`flowctl undo`) or on breach, for hosts on which a step of the body
///     succeeded, last ones first.
///   - between: runs after each batch but the last; the next one begins when it has succeeded.
@discardableResult
public func rollout<Body: FlowBody, Undo: FlowBody, Between: FlowBody>(
    _ name: String, to hosts: some Reference<Selector>, batches: String = "100%", order: HostOrder = .inventory, concurrency: Share? = nil,
    startRate: StartRate? = nil, skipping: [String] = [], soak: Duration = .zero, maxFailures: Share = .count(0), budget: BudgetScope = .rollout,
    counting: FailureCounting = .both,
    onBreach: BreachPolicy = .stopNew, lock: Lock? = nil, limit: Limit? = nil, lockEach: LockEach<HostReference>? = nil,
    limitEach: Limit? = nil, onFailure: OnFailure = .stop, after: [any StepHandle] = [], file: String = #fileID, line: Int = #line,
    @FlowBuilder _ body: (HostReference) -> Body, @FlowBuilder undo: (HostReference) -> Undo = { (_: HostReference) in Block() },
    @FlowBuilder between: (Ref<Batch>) -> Between = { (_: Ref<Batch>) in Block() }
) -> Step<Outcomes> {
    let call = RolloutCall(
        name: name, policy: Policy(nil, nil, onFailure).claiming(lock, limit), lockEach: lockEach, limitEach: limitEach, after: after,
        site: Site(file, line))
    let spec = call.spec(
        hosts.reference.expression, batches, order, concurrency, startRate, skipping, soak, maxFailures, budget, counting, onBreach)
    return call.record(spec, body, undo, between)
}

/// Brings something to the hosts that the selector matches when the run starts.
@discardableResult
public func rollout<Body: FlowBody, Undo: FlowBody, Between: FlowBody>(
    _ name: String, to hosts: Selector, batches: String = "100%", order: HostOrder = .inventory, concurrency: Share? = nil,
    startRate: StartRate? = nil, skipping: [String] = [], soak: Duration = .zero, maxFailures: Share = .count(0), budget: BudgetScope = .rollout,
    counting: FailureCounting = .both,
    onBreach: BreachPolicy = .stopNew, lock: Lock? = nil, limit: Limit? = nil, lockEach: LockEach<HostReference>? = nil,
    limitEach: Limit? = nil, onFailure: OnFailure = .stop, after: [any StepHandle] = [], file: String = #fileID, line: Int = #line,
    @FlowBuilder _ body: (HostReference) -> Body, @FlowBuilder undo: (HostReference) -> Undo = { (_: HostReference) in Block() },
    @FlowBuilder between: (Ref<Batch>) -> Between = { (_: Ref<Batch>) in Block() }
) -> Step<Outcomes> {
    let call = RolloutCall(
        name: name, policy: Policy(nil, nil, onFailure).claiming(lock, limit), lockEach: lockEach, limitEach: limitEach, after: after,
        site: Site(file, line))
    let spec = call.spec(
        .literal(.string(hosts.text)), batches, order, concurrency, startRate, skipping, soak, maxFailures, budget, counting, onBreach)
    return call.record(spec, body, undo, between)
}

/// How many hosts of a rollout came to each outcome; 0 where nobody did.
public struct Outcomes: Codable, Hashable, Sendable {
    public var ok: Int
    public var changed: Int
    public var skipped: Int
    public var failed: Int
    public var unreachable: Int
    public var timedOut: Int
    public var cancelled: Int
    public var notStarted: Int
    public var unknown: Int
}

/// A batch of a rollout that is over, for the steps between.
public struct Batch: Codable, Hashable, Sendable {
    /// From 1.
    public var number: Int
    /// How many batches there are.
    public var of: Int
    /// Hosts in it.
    public var targets: Int
    /// Of the whole rollout so far.
    public var outcomes: Outcomes
}

/// The order in which hosts have their turn.
public enum HostOrder: Sendable {
    case inventory
    case reverse
    case name
    /// By the number in this label, low ones first; hosts without one last.
    case rank(String)
    /// By chance; the order that came out is in the journal.
    case shuffle
    /// Values of this label take turns: `spread("zone")` never begins with all hosts of one zone.
    case spread(String)
}

/// A number of hosts, or a share of them.
public enum Share: Sendable {
    case count(Int)
    /// 0 to 100.
    case percent(Double)
}

/// How many hosts may be begun in a stretch of time: `.rate(30, per: .minute)`.
public struct StartRate: Sendable {
    let model: FlowModel.StartRate

    /// As many in any stretch of time so long.
    public static func rate(_ count: Int, per period: RatePeriod) -> StartRate {
        StartRate(model: FlowModel.StartRate(count: count, seconds: period.seconds))
    }
}

/// Which hosts a budget is for.
public enum BudgetScope: Sendable {
    case batch
    case rollout
}

/// Which hosts use a budget up.
public enum FailureCounting: Sendable {
    /// Something ran there and went wrong, or may have.
    case failed
    /// They could not be asked.
    case unreachable
    case both
}

/// What happens when more hosts have failed than are tolerated. Hosts that run are never interrupted.
public enum BreachPolicy: Sendable {
    /// No further host is begun, and the step fails.
    case stopNew
    /// No further host is begun; an operator decides.
    case hold
    /// No further host is begun, those that were touched are undone, and the step fails.
    case undo
}

/// What both forms have in common.
private struct RolloutCall {
    let name: String
    let policy: Policy
    let lockEach: LockEach<HostReference>?
    let limitEach: Limit?
    let after: [any StepHandle]
    let site: Site

    func spec(
        _ hosts: Expression, _ batches: String, _ order: HostOrder, _ concurrency: Share?, _ startRate: StartRate?, _ skipping: [String],
        _ soak: Duration, _ maxFailures: Share, _ budget: BudgetScope, _ counting: FailureCounting, _ onBreach: BreachPolicy
    ) -> RolloutSpec {
        RolloutSpec(
            targets: hosts, batches: sizes(batches), order: order.model, concurrency: concurrency?.model, soakSeconds: soak.inSeconds,
            budget: FailureBudget(
                maxFailures: maxFailures.model, scope: budget == .batch ? .batch : .rollout, counting: counting.model),
            onBreach: onBreach.model, startRate: startRate?.model, skipping: skipping.isEmpty ? nil : skipping)
    }

    private func sizes(_ text: String) -> BatchSizes {
        do throws(BatchSizes.Fault) {
            return try BatchSizes(text)
        } catch {
            Recorder.complain(name, error.message, site)
            return .all
        }
    }

    func record(
        _ spec: RolloutSpec, _ body: (HostReference) -> some FlowBody, _ undo: (HostReference) -> some FlowBody,
        _ between: (Ref<Batch>) -> some FlowBody
    ) -> Step<Outcomes> {
        let id = Recorder.add(
            "rollout", Recorder.Entry(name: name, kind: .rollout(spec), policy: policy, after: after, site: site))
        let first = {
            Recorder.claimEach((lockEach?.claims(HostReference(map: id)) ?? []) + (limitEach?.claims ?? []), of: id, site)
            _ = body(HostReference(map: id))
        }
        if part(id, .body, first) == nil {
            Recorder.complain(name, "the body of rollout '\(name)' has no steps", site)
        }
        let undoing = part(id, .undo) { _ = undo(HostReference(map: id)) }
        if Recorder.current != nil, undoing == nil, spec.onBreach == .undo {
            Recorder.complain(name, "rollout '\(name)' is to undo on breach, but has no 'undo:'", site)
        }
        _ = part(id, .between) { _ = between(Ref(.element(map: id, path: []))) }
        return Step(id: id)
    }

    /// Takes a part down; gives its last step.
    private func part(_ id: String, _ part: Node.Part, _ body: () -> Void) -> String? {
        Recorder.current?.change { $0.openMap(id, part: part, isHostMap: part != .between) }
        body()
        return Recorder.current?.change { $0.closeMap() } ?? nil
    }
}

extension Share {
    var model: Amount {
        switch self {
        case .count(let count): .count(count)
        case .percent(let share): .percent(share)
        }
    }
}

extension HostOrder {
    fileprivate var model: RolloutOrder {
        switch self {
        case .inventory: .inventory
        case .reverse: .reverse
        case .name: .name
        case .rank(let label): .rank(label)
        case .shuffle: .shuffle
        case .spread(let label): .spread(label)
        }
    }
}

extension FailureCounting {
    fileprivate var model: FailureBudget.Counting {
        switch self {
        case .failed: .failed
        case .unreachable: .unreachable
        case .both: .both
        }
    }
}

extension BreachPolicy {
    fileprivate var model: RolloutSpec.OnBreach {
        switch self {
        case .stopNew: .stopNew
        case .hold: .hold
        case .undo: .undo
        }
    }
}
