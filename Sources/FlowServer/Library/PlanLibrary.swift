import FlowCrypto
import FlowModel
import FlowStoreSQLite
import FlowWire

/// Finds and checks plans: stored ones by digest, those that came with a request, and those made from a command.
struct PlanLibrary: Sendable {
    let blobs: BlobStore
    let cache: PlanCache
    /// Refuses a plan that cannot run, with all its faults.
    let check: @Sendable (Plan) throws(FlowError) -> Void

    /// The plan that is stored under `digest`.
    func plan(_ digest: Digest) async throws(FlowError) -> LoadedPlan {
        if let known = cache[digest] { return wanted(known) }
        guard let bytes = try await blobs.read(digest) else {
            throw FlowError(
                .notFound, subject: digest.hex, "There is no plan \(digest).", hint: "Store it with PUT /v1/blobs/\(digest)")
        }
        let plan: Plan
        do {
            plan = try Plan(stored: try JSON.parse(bytes, maxDepth: Limits.planDepth))
        } catch {
            throw FlowError(.load, subject: digest.hex, "Blob \(digest) is not a plan: \(error).")
        }
        return try await admit(plan, digest: digest)
    }

    /// A plan that came with a request. It is stored, so that a registered flow can name it.
    ///
    /// - Parameter isKept: false for who only looks: nothing is stored, nor remembered as if it were.
    func plan(_ plan: Plan, isKept: Bool = true) async throws(FlowError) -> LoadedPlan {
        let bytes = try canonical(plan)
        let digest = Digest(of: bytes)
        if let known = cache[digest] { return wanted(known) }
        guard isKept else { return try await judged(plan, digest: digest) }
        let loaded = try await admit(plan, digest: digest)
        _ = try await blobs.store(bytes)
        return loaded
    }

    private func admit(_ plan: Plan, digest: Digest) async throws(FlowError) -> LoadedPlan {
        let loaded = try await judged(plan, digest: digest)
        cache.insert(loaded)
        return wanted(loaded)
    }

    private func judged(_ plan: Plan, digest: Digest) async throws(FlowError) -> LoadedPlan {
        try await checkAside(plan)
        for asset in plan.withCalls.flatMap(\.assets) where !(try await blobs.contains(asset.digest)) {
            throw FlowError(
                .notFound, subject: asset.name, "File '\(asset.name)' of flow '\(plan.flow)' is not stored.",
                hint: "PUT /v1/blobs/\(asset.digest)")
        }
        let revision: Digest
        do {
            revision = Digest(of: try plan.canonicalBytes)
        } catch {
            throw FlowError(.load, subject: plan.flow, "The plan of '\(plan.flow)' has no JSON form: \(error).")
        }
        return LoadedPlan(plan: plan, revision: revision, digest: digest)
    }

    /// Away from the threads that serve: a large plan takes a while.
    private func checkAside(_ plan: Plan) async throws(FlowError) {
        let check = check
        do {
            try await onThreadPool { try check(plan) }
        } catch let error as FlowError {
            throw error
        } catch {
            throw FlowError(.internal, subject: plan.flow, "The plan of flow '\(plan.flow)' was not looked at: \(error).")
        }
    }

    /// What it names is kept until a run or a flow does, even if nothing else names it.
    private func wanted(_ loaded: LoadedPlan) -> LoadedPlan {
        blobs.want([loaded.digest] + loaded.plan.withCalls.flatMap { $0.assets.map(\.digest) + ($0.calls ?? []).compactMap(\.binary) })
        return loaded
    }

    /// The binary that a run of `plan` needs; refuses when it is missing.
    func binary(_ given: Digest?, for plan: Plan) async throws(FlowError) -> Digest? {
        guard plan.hasSwiftSteps else { return nil }
        guard let given else {
            throw FlowError(
                .usage, subject: "binary", "Flow '\(plan.flow)' has Swift steps; they need the digest of its binary.",
                hint: "Use flowctl, which compiles the flow and stores the binary.")
        }
        guard try await blobs.contains(given) else {
            throw FlowError(.notFound, subject: given.hex, "The binary \(given) is not stored.", hint: "PUT /v1/blobs/\(given)")
        }
        return given
    }

    private func canonical(_ plan: Plan) throws(FlowError) -> [UInt8] {
        do {
            return try JSON(encoding: plan).canonicalBytes
        } catch {
            throw FlowError(.load, subject: plan.flow, "The plan of '\(plan.flow)' has no JSON form: \(error).")
        }
    }
}
