import FlowModel

/// Runs are brought into memory, and the machine decides about them.
extension Writer {
    private func context(fired: Instant? = nil) -> RunMachine.Context {
        let (moment, closure) = (transaction.moment, environment.closure)
        let now = moment.wall
        let history = wallHistory
        return RunMachine.Context(
            now: now, epoch: epoch, chance: chances.next(), worker: environment.worker, isRestored: environment.isRestored,
            closure: { closure($0, now) }, people: environment.people(), fired: fired,
            secondsSince: { history.seconds(since: $0, at: moment) }, hash: environment.hash)
    }

    func start(_ request: StartRequest, by actor: Actor, _ reply: @escaping (Result<StartReceipt, FlowError>) -> Void) {
        do {
            if let receipt = try existing(request) { return transaction.startReplies.append((receipt, reply)) }
            let id = try begin(request, by: actor)
            transaction.startReplies.append((StartReceipt(run: id, isNew: true), reply))
        } catch let error as FlowError {
            reply(.failure(error))
        } catch {
            reply(.failure(FlowError.storage(error, subject: request.plan.flow)))
        }
    }

    func begin(_ request: StartRequest, by actor: Actor, calledBy parent: CallID? = nil) throws -> RunID {
        let now = transaction.now
        let id = RunID(at: now, random: environment.random(10))
        let (planDigest, index) = try plan(of: request)
        let created = Created(
            flow: request.plan.flow, revision: request.revision, plan: planDigest, binary: request.binary,
            inputs: request.inputs, targets: request.targets, labels: request.labels, key: request.key,
            user: actor.user, person: actor.person, holdBefore: request.holdBefore, parent: parent, callers: callers(parent),
            priority: parent.flatMap { cache[$0.run]?.run.priority } ?? request.priority ?? request.plan.control?.priority,
            limit: request.limit, shapers: request.shapers, isRegistered: request.isRegistered,
            isUngated: request.isUngated, shapedSince: parent.flatMap { cache[$0.run]?.run.shapedSince })
        try meetOverlap(of: request.plan, by: actor)
        guard var run = Run(id: id, first: .created(created), at: now, index: index) else {
            throw FlowError(.internal, subject: id.text, "Nothing was started: the run's first entry is not its creation.")
        }
        environment.breadcrumb(id)
        let decision = try RunMachine.decide(.begin, on: &run, in: context())
        cache[id] = LoadedRun(new: run)
        transaction.batch.fingerprints[id] = request.fingerprint
        if let key = request.key { transaction.keys[key] = (id, request.fingerprint) }
        transaction.add(decision, to: id, before: [.created(created)])
        note(decision, of: run)
        noteClaims(of: id)
        return id
    }

    /// The run that an earlier request with the same key started. Whatever begins with a key asks this first: two runs of one key cannot be kept.
    func existing(_ request: StartRequest) throws -> StartReceipt? {
        guard let key = request.key else { return nil }
        guard let (id, fingerprint) = try transaction.keys[key] ?? store.run(key: key) else { return nil }
        guard fingerprint == request.fingerprint else {
            throw FlowError(
                .keyReused, subject: key,
                "No run was started: key '\(key)' belongs to run \(id), which was asked for with other content.",
                hint: "flowctl show \(id)")
        }
        return StartReceipt(run: id, isNew: false)
    }

    private func plan(of request: StartRequest) throws -> (Digest, PlanIndex) {
        if let digest = planDigests[request.revision], let index = loader.plans[digest] { return (digest, index) }
        let bytes = try JSON(encoding: request.plan).canonicalBytes
        let digest = environment.hash(bytes)
        let index = PlanIndex(request.plan)
        loader.keep(index, as: digest)
        if planDigests.count >= RunLoader.plansKept { planDigests.removeAll() }
        planDigests[request.revision] = digest
        transaction.batch.blobs.append((digest, bytes))
        transaction.newPlans.append(request.revision)
        return (digest, index)
    }

    func perform(
        _ event: RunMachine.Event, on id: RunID, _ reply: @escaping (Result<RunRow, FlowError>) -> Void
    ) {
        do throws(FlowError) {
            guard try touchOrThrow(id) else {
                throw FlowError(.notFound, subject: id.text, "There is no run \(id).", hint: "flowctl list")
            }
            try decideOrThrow(event, on: id)
            transaction.runReplies.append((id, reply))
        } catch {
            reply(.failure(error))
        }
    }

    /// Decides an event that nobody waits for.
    ///
    /// - Parameter fired: the time of the timer that fires.
    func decide(_ event: RunMachine.Event, on id: RunID, fired: Instant? = nil) {
        guard touch(id) else { return }
        do throws(FlowError) {
            try decideOrThrow(event, on: id, fired: fired)
        } catch {
            environment.log(.error, "run \(id): \(error)")
        }
    }

    private func decideOrThrow(_ event: RunMachine.Event, on id: RunID, fired: Instant? = nil) throws(FlowError) {
        environment.breadcrumb(id)
        guard var loaded = cache.removeValue(forKey: id) else { return }
        do {
            defer { cache[id] = loaded }
            let decision = try RunMachine.decide(event, on: &loaded.run, in: context(fired: fired))
            transaction.add(decision, to: id)
            note(decision, of: loaded.run)
        }
        if !loaded.run.dirtyClaims.isEmpty { noteClaims(of: id) }
    }

    /// Decides what another run asks for; that the run has come further meanwhile is nobody's fault.
    func decideIfAccepted(_ event: RunMachine.Event, on id: RunID) {
        do throws(FlowError) {
            try decideOrThrow(event, on: id)
        } catch {
            if error.code != .conflict { environment.log(.error, "run \(id): \(error)") }
        }
    }

    /// What the decisions of this turn mean for other runs: consequences of calls, and turns at locks. One may lead to the other.
    func takeWhatFollows() {
        repeat {
            takeConsequences()
            grantClaims()
        } while !transaction.consequences.isEmpty
    }

    /// Brings the run into memory, and takes over what an older epoch handed out. False when there is no such run, or it cannot
    /// be read (which is logged).
    func touch(_ id: RunID) -> Bool {
        do throws(FlowError) {
            return try touchOrThrow(id)
        } catch {
            if !isFolding(id) { environment.log(.error, "run \(id) is set aside: \(error)") }
            return false
        }
    }

    /// The same for what nobody would send again: it is taken again later when the store refused to read the run.
    func touch(_ id: RunID, else item: Inbox.Item) -> Bool {
        touch(id) { deferred.append(item) }
    }

    /// The same for what a decision of this transaction means, which is forgotten with it when the commit is refused.
    func touch(_ id: RunID, orLater consequence: Consequence) -> Bool {
        touch(id) { transaction.later.append(consequence) }
    }

    func touch(_ id: RunID, ifUnread: () -> Void) -> Bool {
        let before = wasUnread
        wasUnread = false
        defer { wasUnread = wasUnread || before }
        if touch(id) { return true }
        if wasUnread { ifUnread() }
        return false
    }

    /// The same for what cannot be decided without the run: the store's refusal to read it is everybody's.
    func touchOrRefuse(_ id: RunID) throws(StoreError) -> Bool {
        let before = wasUnread
        wasUnread = false
        defer { wasUnread = wasUnread || before }
        let isThere = touch(id)
        if wasUnread { throw .refused("run \(id) could not be read") }
        return isThere
    }

    func touchOrThrow(_ id: RunID) throws(FlowError) -> Bool {
        if cache[id] != nil { return true }
        if id == setAside {
            throw FlowError(
                .internal, subject: id.text,
                "Run \(id) was not touched: the engine ended \(Limits.crashesUntilQuarantine + 1) times with it in hand. This is a bug of Flow.",
                hint: "flowctl doctor")
        }
        do throws(StoreError) {
            guard let loaded = try read(id) else { return false }
            cache[id] = loaded
            dropOrphans(of: loaded.run)
        } catch {
            if !isFolding(id) { standstills.note(id, error) }
            if case .refused = error { wasUnread = true }
            throw FlowError.storage(error, subject: id.text)
        }
        try decideOrThrow(.recover, on: id)
        return true
    }

    /// Folds the run's journal if that does not take long; else it is folded in the turns that come, and `refused` till then.
    private func read(_ id: RunID) throws(StoreError) -> LoadedRun? {
        if let foldFault, foldFault.run == id { throw foldFault.error }
        environment.breadcrumb(id)
        if !isFolding(id) {
            var fold = RunFold(id)
            if case .ended(let loaded) = try loader.advance(&fold) { return loaded }
            folds.append(fold)
        }
        throw .refused("its journal is long and still being read; try again in some seconds")
    }
}
