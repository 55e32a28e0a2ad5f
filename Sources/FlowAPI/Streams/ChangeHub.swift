package import FlowEngine
import FlowModel
import Synchronization

/// Wakes those who follow a run. One listener of the engine's feed for all of them: a thousand open streams cost the writer
/// what one does.
///
/// A wake-up says "look again", never what happened; several that nobody took yet are one. Every follower is also woken at each
/// heartbeat, so that a lost wake-up delays it and cannot strand it.
package final class ChangeHub: Sendable {
    package enum Wake: Sendable { case change, heartbeat }

    private struct State {
        var next = 0
        var followers: [RunID: [Int: AsyncStream<Wake>.Continuation]] = [:]
        var count = 0
        var isClosed = false
    }

    private let state = Mutex(State())
    private let meters: Meters

    package init(meters: Meters) {
        self.meters = meters
        meters.gauge("flow_streams", "Open event streams and followed outputs.") { [weak self] in Double(self?.count ?? 0) }
    }

    package var count: Int { state.withLock { $0.count } }

    /// Passes the engine's changes on until they end; then ends all streams.
    package func run(_ changes: AsyncStream<RunChange>) async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await self.beat() }
            for await change in changes {
                meters.count("flow_records_total")
                if change.state.isTerminal { meters.count("flow_runs_ended_total{state=\"\(change.state.rawValue)\"}") }
                let followers = state.withLock { $0.followers[change.run].map { Array($0.values) } } ?? []
                for follower in followers { follower.yield(.change) }
            }
            group.cancelAll()
        }
        close()
    }

    private func beat() async {
        while (try? await Task.sleep(for: .seconds(APILimits.heartbeatSeconds))) != nil {
            let all = state.withLock { state in state.followers.values.flatMap(\.values) }
            for follower in all { follower.yield(.heartbeat) }
        }
    }

    /// Wake-ups for one run until the hub closes. Refused when too many follow already.
    func follow(_ run: RunID) throws(FlowError) -> AsyncStream<Wake> {
        let (stream, continuation) = AsyncStream.makeStream(of: Wake.self, bufferingPolicy: .bufferingNewest(1))
        let id: Int? = state.withLock { state in
            guard !state.isClosed, state.count < APILimits.streams else { return nil }
            state.next += 1
            state.count += 1
            state.followers[run, default: [:]][state.next] = continuation
            return state.next
        }
        guard let id else {
            throw FlowError(
                .overloaded, subject: run.text,
                "The stream was not opened: \(APILimits.streams) are open already, or the server is stopping.")
        }
        continuation.onTermination = { [weak self] _ in self?.remove(id, run) }
        return stream
    }

    private func remove(_ id: Int, _ run: RunID) {
        state.withLock { state in
            guard state.followers[run]?.removeValue(forKey: id) != nil else { return }
            state.count -= 1
            if state.followers[run]?.isEmpty == true { state.followers[run] = nil }
        }
    }

    /// Ends every stream; new ones are refused.
    package func close() {
        let all = state.withLock { state in
            state.isClosed = true
            return state.followers.values.flatMap(\.values)
        }
        for follower in all { follower.finish() }
    }
}
