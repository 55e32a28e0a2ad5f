package import FlowEngine
package import FlowModel
import Synchronization

/// Wakes those who follow a run. One listener of the engine's feed for all of them, and one reader of a run's news for all who follow it: a
/// thousand open streams cost the writer what one does.
///
/// A wake-up says "look again", never what happened; several that nobody took yet are one. Every follower is also woken at each
/// heartbeat, so that a lost wake-up delays it and cannot strand it.
package final class ChangeHub: Sendable {
    package enum Wake: Sendable { case change, heartbeat }

    /// Somebody's place among those who follow a run. It is given up when `wakes` is let go of.
    package struct Following: Sendable {
        package var wakes: AsyncStream<Wake>
        package var feed: RunFeed
    }

    private struct Run {
        var feed: RunFeed
        var followers: [Int: AsyncStream<Wake>.Continuation] = [:]
    }

    private struct State {
        var next = 0
        var runs: [RunID: Run] = [:]
        var people: [String: Int] = [:]
        var count = 0
        var isClosed = false
    }

    private enum Refusal: Error { case closed, many, manyOfPerson }

    private let state = Mutex(State())
    private let meters: Meters
    private let reads = Turnstile(APILimits.streamReads)
    let heartbeatSeconds: Double

    package init(meters: Meters, heartbeatSeconds: Double = APILimits.heartbeatSeconds) {
        self.meters = meters
        self.heartbeatSeconds = heartbeatSeconds
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
                let followers: [AsyncStream<Wake>.Continuation] = state.withLock { state in
                    guard let run = state.runs[change.run], run.feed.news.announce() else { return [] }
                    return Array(run.followers.values)
                }
                for follower in followers { follower.yield(.change) }
            }
            group.cancelAll()
        }
        close()
    }

    private func beat() async {
        while (try? await Task.sleep(for: .seconds(heartbeatSeconds))) != nil {
            let all = state.withLock { state in state.runs.values.flatMap(\.followers.values) }
            for follower in all { follower.yield(.heartbeat) }
        }
    }

    /// Wake-ups for one run until the hub closes, and its news. Refused when too many follow already, or too many of this person.
    package func follow(_ run: RunID, by person: String, reader: any JournalReader) throws(FlowError) -> Following {
        let (stream, continuation) = AsyncStream.makeStream(of: Wake.self, bufferingPolicy: .bufferingNewest(1))
        let place = state.withLock { state -> Result<(id: Int, feed: RunFeed), Refusal> in
            guard !state.isClosed else { return .failure(.closed) }
            guard state.count < APILimits.streams else { return .failure(.many) }
            guard state.people[person, default: 0] < APILimits.streamsOfPerson else { return .failure(.manyOfPerson) }
            state.next += 1
            state.count += 1
            state.people[person, default: 0] += 1
            let feed = state.runs[run]?.feed ?? RunFeed(run, reader: reader, reads: reads)
            state.runs[run, default: Run(feed: feed)].followers[state.next] = continuation
            return .success((state.next, feed))
        }
        switch place {
        case .success(let (id, feed)):
            continuation.onTermination = { [weak self] _ in self?.remove(id, run, person) }
            return Following(wakes: stream, feed: feed)
        case .failure(let refusal): throw ChangeHub.refused(refusal, run, person)
        }
    }

    private static func refused(_ refusal: Refusal, _ run: RunID, _ person: String) -> FlowError {
        switch refusal {
        case .closed: FlowError(.overloaded, subject: run.text, "The stream was not opened: the server is stopping.")
        case .many:
            FlowError(
                .overloaded, subject: run.text, "The stream was not opened: \(APILimits.streams) are open already, as many as may be.",
                hint: "flowctl show \(run)")
        case .manyOfPerson:
            FlowError(
                .overloaded, subject: person,
                "The stream was not opened: \(person) has \(APILimits.streamsOfPerson) open already, as many as one person may have.",
                hint: "end one that is open, or flowctl show \(run)")
        }
    }

    private func remove(_ id: Int, _ run: RunID, _ person: String) {
        state.withLock { state in
            guard state.runs[run]?.followers.removeValue(forKey: id) != nil else { return }
            state.count -= 1
            let left = state.people[person, default: 1] - 1
            state.people[person] = left > 0 ? left : nil
            if state.runs[run]?.followers.isEmpty == true { state.runs[run] = nil }
        }
    }

    /// Ends every stream; new ones are refused.
    package func close() {
        let all = state.withLock { state in
            state.isClosed = true
            return state.runs.values.flatMap(\.followers.values)
        }
        for follower in all { follower.finish() }
    }
}
