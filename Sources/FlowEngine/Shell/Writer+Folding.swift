import FlowModel

// A long journal takes seconds to be folded. It is folded a page in each turn of the loop, so that other runs are not held up; what comes for
// the run meanwhile waits in `deferred`, in its order.
extension Writer {
    func isFolding(_ id: RunID) -> Bool { folds.contains { $0.id == id } }

    /// Whether the run has to be waited for; begins to fold it if need be.
    private func isAwaited(_ id: RunID) -> Bool {
        if cache[id] == nil, !isFolding(id) {
            do throws(FlowError) {
                _ = try touchOrThrow(id)
            } catch {
                // Whoever asked for it finds out by himself.
            }
        }
        return isFolding(id)
    }

    /// Whether the item is about a run that is being folded; it is kept for later then. As many wait as the inbox takes.
    func waits(_ item: Inbox.Item) -> Bool {
        guard deferred.count < Limits.inbox else { return false }
        let mustWait =
            switch item {
            case .command(_, let id, _, _, _): isAwaited(id)
            case .start(let request, _, _), .call(_, let request, _): replacesAwaited(request)
            case .occurrences(let requests, _, _): requests.lazy.compactMap(\.start).contains { replacesAwaited($0) }
            default: false
            }
        if mustWait { deferred.append(item) }
        return mustWait
    }

    /// Whether the request is for a run that replaces one which is being folded.
    private func replacesAwaited(_ request: StartRequest) -> Bool {
        guard request.plan.control?.overlap == .replace else { return false }
        return leases.runs(ofFlow: request.plan.flow).contains { isAwaited($0.id.run) }
    }

    /// Folds the next page of the run that has waited longest.
    func continueFold() {
        foldFault = nil
        guard let id = folds.first?.id else { return }
        environment.breadcrumb(id)
        do throws(StoreError) {
            guard case .ended(let loaded) = try loader.advance(&folds[0]) else { return }
            folds.removeFirst()
            if let loaded { try takeIn(loaded) }
        } catch {
            if isFolding(id) { folds.removeFirst() }
            foldFault = (id, error)
            standstills.note(id, error)
        }
    }

    private func takeIn(_ loaded: LoadedRun) throws(StoreError) {
        let run = loaded.run
        // Turns that came meanwhile were not taken.
        for path in run.claims.keys.sorted() where leases.rows[ClaimRow.ID(run: run.id, step: path)] == nil {
            if let row = run.claimRow(at: path) { leases.set(row) }
        }
        enter(loaded)
    }

    /// The run is in memory from now on; what an older epoch handed out is taken over.
    func enter(_ loaded: LoadedRun) {
        cache[loaded.run.id] = loaded
        dropOrphans(of: loaded.run)
        decide(.recover, on: loaded.run.id)
    }

    /// Nobody may wait for an answer that does not come.
    func answerDeferred() {
        let error = FlowError(.overloaded, subject: "engine", "Nothing was changed: the engine is shutting down.", hint: "flowctl list")
        for item in deferred {
            switch item {
            case .command(_, _, _, _, let reply): reply(.failure(error))
            case .start(_, _, let reply): reply(.failure(error))
            case .occurrences(_, _, let reply): reply(.failure(error))
            default: break
            }
        }
    }
}
