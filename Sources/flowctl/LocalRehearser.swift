import FlowCommand
import FlowInventory
import FlowModel
import FlowRehearsal
import FlowServer

/// Rehearsals in this process: engine, journal and clock are in memory.
struct LocalRehearser: FlowRehearser {
    func hosts(home: String, inventory: String?) async throws(FlowError) -> RehearsalHosts {
        let inventory = try await FlowServer.hosts(home: home, inventory: inventory)
        return RehearsalHosts(hosts: inventory.hosts, groups: inventory.groups)
    }

    func rehearse(_ request: RehearsalRequest) async throws(FlowError) -> Rehearsed {
        var options = RehearsalOptions()
        (options.fail, options.unreachable, options.output, options.approve) = (request.fail, request.unreachable, request.output, request.approve)
        (options.reject, options.expire, options.signal) = (request.reject, request.expire, request.signal)
        (options.take, options.decide, options.undo, options.at) = (request.take, request.decide, request.undo, request.at)
        let order = RehearsalOrder(
            plan: request.plan, revision: request.revision, inputs: request.inputs,
            inventory: Inventory(hosts: request.hosts.hosts, groups: request.hosts.groups), limit: request.limit,
            script: try RehearsalScript(options))
        let report = try await order.rehearse()
        return Rehearsed(
            start: report.start,
            rows: report.rows.map { .init(time: sinceText($0.seconds), place: $0.place, text: $0.text, tone: Rehearsed.Tone($0.tone)) },
            summary: report.summary.map { ($0.text, Rehearsed.Tone($0.tone)) }, json: { report.json }, hasSucceeded: report.hasSucceeded)
    }
}

extension Rehearsed.Tone {
    fileprivate init(_ tone: RehearsalReport.Row.Tone) {
        switch tone {
        case .plain: self = .plain
        case .good: self = .good
        case .bad: self = .bad
        case .waits: self = .waits
        case .heading: self = .heading
        }
    }
}
