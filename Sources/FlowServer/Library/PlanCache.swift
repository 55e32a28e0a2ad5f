import FlowModel
import Synchronization

/// A plan that was checked, with its revision.
struct LoadedPlan: Sendable {
    var plan: Plan
    var revision: Digest
    /// Digest of the JSON that it was read from.
    var digest: Digest
}

/// Plans by the digest of their stored JSON, so that starting a run of a known plan parses and checks nothing.
final class PlanCache: Sendable {
    /// Plans kept; the oldest go first.
    static let capacity = 256

    private struct State {
        var plans: [Digest: LoadedPlan] = [:]
        var order: [Digest] = []
    }
    private let state = Mutex(State())

    subscript(digest: Digest) -> LoadedPlan? { state.withLock { $0.plans[digest] } }

    func insert(_ plan: LoadedPlan) {
        state.withLock { state in
            guard state.plans.updateValue(plan, forKey: plan.digest) == nil else { return }
            state.order.append(plan.digest)
            if state.order.count > PlanCache.capacity { state.plans[state.order.removeFirst()] = nil }
        }
    }
}
