package import FlowModel

/// Carries out one kind of work.
package protocol Executor<Work>: Sendable {
    associatedtype Work: WorkOrder

    init(_ parts: ExecutorParts)

    /// Carries the order of the attempt to its end; the last report of the attempt.
    func carryOut(_ attempt: LiveAttempt, _ work: Work) async -> AttemptReport.Event
    /// Removes what it keeps on this machine of an attempt whose outcome is journaled. False: it keeps nothing of it, and a host record may be there.
    func forget(_ id: AttemptID) async throws -> Bool
}

extension Executor {
    package func forget(_ id: AttemptID) async throws -> Bool { false }
}

/// The executors of a worker, by what they carry out.
struct Executors: Sendable {
    let all: [any Executor]

    func carryOut(_ attempt: LiveAttempt) async -> AttemptReport.Event {
        for executor in all {
            if let end = await Executors.carryOut(attempt, with: executor) { return end }
        }
        return attempt.refused(.init(.infrastructure, "no executor here carries out its kind of work"))
    }

    private static func carryOut<Kind: Executor>(_ attempt: LiveAttempt, with executor: Kind) async -> AttemptReport.Event? {
        guard let work = attempt.order.work as? Kind.Work else { return nil }
        return await executor.carryOut(attempt, work)
    }
}
