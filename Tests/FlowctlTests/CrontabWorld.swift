import FlowCommand
import FlowModel
import FlowWire
import Synchronization

/// An engine that keeps schedules, as far as commands about crontabs ask it: flow `cron` takes a command, `many` values of every kind.
final class CrontabEngine: Sendable {
    private let kept = Mutex<[String: Wire.Schedule]>([:])

    static let flows: [String: [Parameter]] = [
        "cron": [Parameter(name: "command", kind: .string)],
        "many": [
            Parameter(name: "text", kind: .string, fallback: ""), Parameter(name: "list", kind: .list(.string), fallback: []),
            Parameter(name: "count", kind: .int, fallback: 0), Parameter(name: "share", kind: .double, fallback: 0),
            Parameter(name: "flag", kind: .bool, fallback: false), Parameter(name: "hosts", kind: .selector, fallback: "*"),
        ],
    ]

    init(_ schedules: [Wire.Schedule] = []) { for schedule in schedules { put(schedule) } }

    var schedules: [String: Wire.Schedule] { kept.withLock { $0 } }
    func put(_ schedule: Wire.Schedule) { kept.withLock { $0[schedule.name] = schedule } }

    /// A terminal, files, and this engine, opened by the command itself: nobody serves the home.
    func homeWorld(_ tab: String = "") -> World {
        World(environment: [:], files: ["/tab": tab, "/work/.flow": ""]) { call, world in
            guard world.isOpen else { return .failure(TransportFailure(.nobody, "")) }
            if call.path == "/healthz" { return .json(Sample.json(Wire.Health(status: "ok", version: "1.2.3"))) }
            return call.path.hasPrefix("/v1/runs") ? .json(Sample.page([])) : self.answer(call)
        }
    }

    /// A terminal, files, and this engine behind it.
    func world(_ tab: String = "", isInteractive: Bool = false) -> World {
        World(files: ["/tab": tab], isInteractive: isInteractive) { call, _ in self.answer(call) }
    }

    /// The schedules as `flowctl schedule add` would have made them.
    static func schedule(_ name: String, _ spec: ScheduleSpec, pause: Wire.Schedule.Pause? = nil, fault: String? = nil) -> Wire.Schedule {
        Wire.Schedule(name: name, revision: 1, spec: spec, changedAt: Sample.at(0), changedBy: "alice", pause: pause, fault: fault)
    }

    private func answer(_ call: HTTPCall) -> World.Reply {
        let path = call.path.split(separator: "?")[0]
        if path == "/v1/schedules", call.method == "GET" {
            return .json(Sample.page(schedules.values.sorted { $0.name < $1.name }.map { Sample.json($0) }))
        }
        if path.hasPrefix("/v1/flows/") {
            let name = String(path.dropFirst("/v1/flows/".count))
            guard let parameters = CrontabEngine.flows[name] else {
                let hint = name == "command" ? "Did you mean 'commands'?" : "flowctl flow list"
                return problem(FlowError(.notFound, subject: name, "No flow '\(name)' is registered.", hint: hint), 404)
            }
            return .json(
                Sample.json(
                    Wire.Flow(name: name, revision: Sample.digest, parameters: parameters, steps: 1, addedAt: Sample.at(0), addedBy: "alice")))
        }
        guard case .bytes(let bytes) = call.body, let request = try? JSON.parse(bytes).decode(as: Wire.ScheduleImport.self) else {
            return problem(FlowError(.usage, subject: "body", "There is no such route, or no body."), 400)
        }
        return add(request)
    }

    /// It knows no 31 February.
    private func add(_ request: Wire.ScheduleImport) -> World.Reply {
        let bad = request.items.filter { $0.spec.cron == "0 0 31 2 *" }
        guard bad.isEmpty else {
            let faults = bad.map { FlowError.Detail(subject: $0.name, message: "Nothing was started: it never comes") }
            return problem(FlowError(.usage, subject: "items", "Nothing was added.", errors: faults), 400)
        }
        if request.dryRun != true {
            for item in request.items {
                var schedule = CrontabEngine.schedule(item.name, item.spec)
                if let old = schedules[item.name] { (schedule.revision, schedule.pause) = (old.revision + 1, old.pause) }
                put(schedule)
            }
        }
        return .json(["items": []])
    }

    private func problem(_ error: FlowError, _ status: Int) -> World.Reply {
        .json((try? JSON(encoding: Wire.Problem(error))) ?? .null, status: status)
    }
}
