internal import FlowEngine
internal import FlowModel

// Workers, hosts, and the lines between them.
extension RunSimulation {
    mutating func happen(_ occurrence: Occurrence) throws(Violation) {
        switch occurrence {
        case .report(let report):
            if now < healsAt, isEchoed(report), random.chance(options.echoRate) { schedule(now + random.int(0...100), .report(report), dies: false) }
            try decide(.report(report))
        case .place(let order): place(order)
        case .arrive(let order): arrive(order)
        // The worker sends it again when it can, unless it is gone or was told to stop.
        case .resend(let order): if order.fence.epoch == epoch, !stopped.contains(order.id) { arrive(order) }
        case .finish(let order):
            guard hosts[order.id.step]?.isRunning(order.fence) == true else { return }
            let result = order.isProbe ? answer(toProbe: order) : outcome(order)
            hosts[order.id.step]?.end(order.fence, .ended(result), now: now)
            // What a probe has seen took effect, whatever became of the attempt.
            if case .succeeded = result.outcome { effects.succeeded(order.id.step, generation: order.id.generation) }
            // Whoever follows it now, in whatever epoch, learns of it.
            if let current = orders[order.id], current.mode != .start || current.fence == order.fence { schedule(now, .answer(current)) }
        case .answer(let order): answer(order)
        case .stop(let order): stop(order)
        case .search(let search): try decide(found(search))
        case .reconnect(let path):
            guard let order = currentOrder(path), !isSilent(path) else { return }
            schedule(now, .report(AttemptReport(id: order.id, fence: order.fence, event: .reachable)))
            schedule(now + 1, .answer(order))
        }
    }

    /// What a worker says about the line to a host it says in order.
    private func isEchoed(_ report: AttemptReport) -> Bool {
        switch report.event {
        case .unreachable, .reachable: false
        case .placed, .started, .ended, .neverStarted: true
        }
    }

    /// What the inventory says of a selector: another answer each time, as if somebody edited it.
    private mutating func found(_ search: HostSearch) -> RunMachine.Event {
        if now < healsAt, random.chance(options.failureRate * 0.5) {
            return .hostsRefused(search.id, selector: search.selector, "the inventory has no such hosts")
        }
        let hosts = RandomPlan.inventory
        let first = random.int(0...(hosts.count - 1))
        let isMany = run.positions[search.id.step].map { run.nodeOf($0).hosts?.isMany } == true
        if !isMany, random.chance(0.9) { return .hostsFound(search.id, selector: search.selector, [hosts[first]]) }
        return .hostsFound(search.id, selector: search.selector, Array(hosts[first...random.int(first...(hosts.count - 1))]))
    }

    mutating func carryOut(_ action: RunMachine.Action) {
        switch action {
        // Plans of chance call no flows.
        case .call, .child, .lookAtChild: break
        case .findHosts(let search): schedule(now + random.int(0...5), .search(search))
        case .dispatch(let order):
            orders[order.id] = order
            if isRestored, order.mode == .start {
                // Nothing of a backup is begun before somebody has looked.
                schedule(now, .report(AttemptReport(id: order.id, fence: order.fence, event: .neverStarted)))
            } else if case .attach = order.mode {
                schedule(now + random.int(0...3), .answer(order))
            } else {
                schedule(now + random.int(0...3), .place(order))
            }
        case .proceed(let id):
            // In flight it may overtake the engine's death.
            if let order = waitingForGo.removeValue(forKey: id) { schedule(now + random.int(0...10), .arrive(order), dies: false) }
        case .stop(let id, _):
            stopped.insert(id)
            if let order = orders[id] { stop(order) }
        case .forget: break
        }
    }

    // MARK: - Lines

    func isSilent(_ path: StepPath) -> Bool { silences[path].map { $0 > now } ?? false }
    private var forever: Int { Int.max }

    /// The order of a step's attempt that is out with a worker of this engine.
    private func currentOrder(_ path: StepPath) -> AttemptOrder? {
        guard let number = run.positions[path], let attempt = run.steps[number].attempt, !attempt.row.state.isTerminal else { return nil }
        let id = AttemptID(run: run.id, step: path, generation: run.steps[number].generation, number: attempt.row.number)
        return orders[id].flatMap { $0.fence.epoch == epoch ? $0 : nil }
    }

    /// The worker cannot ask: it says so, and does what it wanted later.
    private mutating func isPutOff(_ order: AttemptOrder, _ occurrence: Occurrence) -> Bool {
        guard let end = silences[order.id.step], end > now else { return false }
        schedule(now + 1, .report(AttemptReport(id: order.id, fence: order.fence, event: .unreachable("no route to host"))))
        if end < forever { schedule(end, occurrence) }
        return true
    }

    /// Reboots, and lines that break for seconds, for an hour, or for ever.
    mutating func disturbHosts() throws(Violation) {
        if random.chance(options.lossRate * 0.2), let path = hosts.keys.sorted().randomElement(using: &random) {
            hosts[path]?.reboot(now: now)
            if let order = currentOrder(path) { schedule(now + 1, .answer(order)) }
        }
        try loseRecord()
        guard random.chance(options.silenceRate * 0.3) else { return }
        let running = run.steps.filter { $0.state == .running && $0.elements == nil }.map(\.path)
        guard let path = running.randomElement(using: &random), !isSilent(path) else { return }
        let end = random.chance(0.1) ? forever : now + random.pick([5, 60, 300, 3_600])
        silences[path] = end
        if let order = currentOrder(path) {
            schedule(now + 1, .report(AttemptReport(id: order.id, fence: order.fence, event: .unreachable("it does not answer"))))
        }
        if end < forever { schedule(end, .reconnect(path), dies: false) }
    }

    /// A host loses the record of what it has begun, and what runs ends with it: somebody, or the step itself, removed its folder. The spool
    /// is the same. Often nobody is there to see it.
    private mutating func loseRecord() throws(Violation) {
        guard options.restoreRate == 0, random.chance(options.amnesiaRate) else { return }
        let begun = run.steps.filter { $0.state == .running && $0.attempt?.row.state == .running }.map(\.path)
        guard let path = begun.randomElement(using: &random) else { return }
        hosts[path]?.loseRecords(now: now)
        if let order = currentOrder(path) { schedule(now + 1, .answer(order)) }
        if random.chance(0.3), options.jumpRate == 0 { try crash() }
    }

    // MARK: - Workers and hosts

    private mutating func place(_ order: AttemptOrder) {
        guard !isPutOff(order, .place(order)) else { return }
        waitingForGo[order.id] = order
        schedule(now, .report(AttemptReport(id: order.id, fence: order.fence, event: .placed(Self.place))))
    }

    private static let place = Place(bootID: "b", spoolID: "s")

    private mutating func arrive(_ order: AttemptOrder) {
        guard !isPutOff(order, .resend(order)) else { return }
        var until = now + random.int(0...(random.chance(0.1) ? 300 : 30))
        var isCut = false
        if let timeout = order.timeoutSeconds.map({ Int($0) }), until > now + timeout {
            // The host ends it by its own clock: TERM, and KILL within the grace.
            until = now + timeout + random.int(0...Int(Limits.graceSeconds))
            isCut = true
        }
        switch hosts[order.id.step, default: SimulatedHost()].start(order, now: now, until: until, past: past) {
        case .started: break
        case .refused: return
        case .known(let later):
            let result = AttemptResult(outcome: .lost("the host has run attempt \(later)"))
            return schedule(now + 1, .report(AttemptReport(id: order.id, fence: order.fence, event: .ended(result))))
        }
        if !order.isProbe { effects.began(order.id.step) }
        if isCut { cutOff[order.id.step, default: []].insert(order.fence) }
        schedule(until, .finish(order), dies: false)
        schedule(now, .report(AttemptReport(id: order.id, fence: order.fence, event: .started(containment: .session))))
    }

    /// The truth, when the host is well: whether anything of the step ran in this generation.
    private mutating func answer(toProbe order: AttemptOrder) -> AttemptResult {
        if now < healsAt, random.chance(0.3) {
            return AttemptResult(outcome: .failed(.init(.exitStatus, "do not know")), exitStatus: 2)
        }
        let ran = hosts[order.id.step]?.ledger.contains { $0.generation == order.id.generation } ?? false
        if ran { return AttemptResult(outcome: .succeeded(output: ["stdout": ""], changed: false), exitStatus: 0) }
        return AttemptResult(outcome: .failed(.init(.exitStatus, "it did not")), exitStatus: 1)
    }

    private mutating func outcome(_ order: AttemptOrder) -> AttemptResult {
        if cutOff[order.id.step]?.contains(order.fence) == true { return AttemptResult(outcome: .timedOut) }
        guard now < healsAt, random.chance(options.failureRate) else {
            // What a `repeatUntil` waits for comes sooner or later.
            let output: JSON = ["stdout": .string(random.chance(0.3) ? "x" : "\(order.id.step)#\(order.id.number)")]
            return AttemptResult(outcome: .succeeded(output: output, changed: random.pick([true, false, nil])), exitStatus: 0)
        }
        if random.chance(0.2) { return AttemptResult(outcome: .timedOut) }
        let cause = random.pick([AttemptResult.Failure.Cause.exitStatus, .exitStatus, .unreachable, .output, .hostKey, .signal])
        return AttemptResult(
            outcome: .failed(.init(cause, "it failed")), exitStatus: cause == .exitStatus ? random.pick([1, 75]) : nil,
            signal: cause == .signal ? 9 : nil)
    }

    /// The host says what it knows of the attempt.
    private mutating func answer(_ order: AttemptOrder) {
        // Nobody follows for an engine that is gone.
        guard order.fence.epoch == epoch, !isPutOff(order, .answer(order)) else { return }
        // This very worker has the start on its way: to ask would forbid it.
        if case .start = order.mode, hosts[order.id.step]?.started.contains(order.fence) != true { return }
        let record = hosts[order.id.step, default: SimulatedHost()].ask(order.id.number, fence: order.fence)
        let event: AttemptReport.Event
        switch record {
        case .running: return
        case .ended(let result): event = .ended(result)
        case .rebooted: event = .ended(AttemptResult(outcome: .lost("the host was rebooted")))
        case nil:
            let isElsewhere = if case .attach(let place) = order.mode { place != Self.place } else { false }
            event = isElsewhere ? .ended(AttemptResult(outcome: .lost("another place knows nothing of it"))) : .neverStarted
        }
        schedule(now + random.int(0...2), .report(AttemptReport(id: order.id, fence: order.fence, event: event)))
    }

    private mutating func stop(_ order: AttemptOrder) {
        guard order.fence.epoch == epoch, !isPutOff(order, .stop(order)) else { return }
        let id = order.id
        let host = hosts[id.step, default: SimulatedHost()]
        let own = order.mode == .start ? host.records[order.fence].map { _ in order.fence } : host.find(id.number)
        if let own, host.isRunning(own) {
            hosts[id.step]?.end(own, .ended(AttemptResult(outcome: .cancelled)), now: now)
        } else if own == nil {
            _ = hosts[id.step, default: SimulatedHost()].ask(id.number, fence: Fence(epoch: order.fence.epoch, attempt: id.number))
            waitingForGo[id] = nil
            schedule(now + 1, .report(AttemptReport(id: id, fence: order.fence, event: .ended(AttemptResult(outcome: .cancelled)))))
            return
        }
        schedule(now + 1, .answer(order))
    }
}
