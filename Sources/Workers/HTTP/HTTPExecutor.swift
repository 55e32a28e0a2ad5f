import FlowHTTP
package import FlowModel
import Glibc

/// Asks over HTTP from this machine, with a record of start and end on disk.
///
/// What was not sent for certain (no connection), and what the other side says it has not done (429, and 503 with `Retry-After`), is asked again
/// within the attempt. What was sent and not answered is lost, unless to ask changes nothing.
package struct HTTPExecutor: Executor {
    private let records: AttemptRecords
    private let outputs: OutputStore
    private let open: SecretOpener
    private let files: SourceFiles
    private let access: HTTPAccess

    package init(_ parts: ExecutorParts) {
        records = AttemptRecords(folder: parts.home + "/requests")
        (outputs, open, files, access) = (parts.outputs, parts.open, parts.files, parts.http)
    }

    package func forget(_ id: AttemptID) async throws -> Bool {
        if case .absent = try await records.state(id) { return false }
        try await records.remove(id)
        return true
    }

    package func carryOut(_ attempt: LiveAttempt, _ sealed: HTTPWork) async -> AttemptReport.Event {
        do {
            switch attempt.order.mode {
            case .start: return try await start(attempt, sealed)
            case .attach(let place): return try await attach(attempt, place)
            }
        } catch let failure as AttemptResult.Failure {
            return attempt.refused(failure)
        } catch {
            return attempt.refused(.init(.infrastructure, attempt.order.mode == .start ? "nothing was sent: \(error)" : "\(error)"))
        }
    }

    private func start(_ attempt: LiveAttempt, _ sealed: HTTPWork) async throws -> AttemptReport.Event {
        let work = try SecretOpening(open, for: attempt).work(sealed)
        await attempt.secrets.prepare()
        let request = try await HTTPRequestBuilder(work, attempt.order, access.egress).request { path throws(AttemptResult.Failure) in
            try await files.read(path, for: "sent").bytes
        }
        let answer = try HTTPResponseReader(work)
        let place = try await records.place()
        guard await attempt.placed(place) else { return .cancelled }
        if let reason = try await records.unknownPast(of: attempt.order) { return .ended(AttemptResult(outcome: .lost(reason))) }
        try await records.recordStart(attempt.id) { Array("{}".utf8) }
        attempt.report(.started(containment: .process))
        let recorder = attempt.recorder(in: outputs)
        let exchange = HTTPExchange(client: access.client, request: request, work: work, answer: answer, attempt: attempt, output: recorder)
        let outcome = await outcome(of: exchange, attempt)
        // The next engine finds the start without an end: it was lost.
        guard let outcome else { return .ended(AttemptResult(outcome: .lost("the engine ended"))) }
        let output = await recorder.finish(nil)
        let result = AttemptResult(
            outcome: outcome, outputBytes: output.bytes, truncated: output.isTruncated || !output.faults.isEmpty, lastLine: output.lastLine)
        do {
            try await records.recordEnd(attempt.id, attempt.masked(result))
        } catch {
            // It only matters to an engine that comes back before this report is journaled: that one will say lost.
            return .ended(result)
        }
        return .ended(result)
    }

    /// Nil: the engine goes away.
    private func outcome(of exchange: HTTPExchange, _ attempt: LiveAttempt) async -> AttemptResult.Outcome? {
        let found = await withTaskGroup(of: AttemptResult.Outcome?.self) { group in
            group.addTask { await exchange.carryOut() }
            group.addTask {
                for await _ in attempt.stops { return nil }
                return nil
            }
            let first = await group.next() ?? nil
            group.cancelAll()
            // What was stopped says whether it was sent.
            let second = await group.next() ?? nil
            return first ?? second
        }
        if Task.isCancelled { return nil }
        return found ?? .cancelled
    }

    // MARK: - Of a former engine

    private func attach(_ attempt: LiveAttempt, _ place: Place) async throws -> AttemptReport.Event {
        let found: (state: AttemptRecords.State, place: Place)
        do {
            found = (try await records.state(attempt.id), try await records.place())
        } catch {
            return .ended(AttemptResult(outcome: .lost("its record could not be read: \(error)")))
        }
        switch found.state {
        case .ended(let result): return .ended(result)
        case .started: return .ended(AttemptResult(outcome: .lost("the engine ended while the request was under way")))
        case .absent:
            if let moved = found.place.isNot(place) { return .ended(AttemptResult(outcome: .lost(moved))) }
            return attempt.wasStopped ? .cancelled : .neverStarted
        }
    }
}

extension LiveAttempt {
    /// With the secrets of the attempt masked, as it is reported.
    fileprivate func masked(_ result: AttemptResult) -> AttemptResult {
        if case .ended(let masked) = AttemptReport.Event.ended(result).masked(by: secrets.patterns) { masked } else { result }
    }
}
