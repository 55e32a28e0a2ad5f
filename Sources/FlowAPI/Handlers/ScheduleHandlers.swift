import FlowModel
import FlowWire
import HTTPTypes
import Hummingbird

enum ScheduleHandlers {
    static func list(_ call: Call) async throws -> Response {
        let after = try call.query("after")
        return try await Answer.page(limit: try call.fullPageSize(), key: \Wire.Schedule.name) { last, limit in
            try await call.api.schedules.schedules(after: last?.name ?? after, limit: limit)
        }
    }

    static func show(_ call: Call) async throws -> Response {
        let name = call.parameter("name")
        guard let schedule = try await call.api.schedules.schedule(name) else {
            let near = nearestNames(to: name, in: try await call.api.schedules.names())
            let hint = near.isEmpty ? "flowctl schedule list" : "Did you mean '\(near.joined(separator: "', '"))'?"
            throw FlowError(.notFound, subject: name, "There is no schedule '\(name)'.", hint: hint)
        }
        return try Answer.json(schedule)
    }

    static func putAll(_ call: Call) async throws -> Response {
        let request = try await call.body(Wire.ScheduleImport.self)
        for item in request.items { try refuseTrigger(item.spec) }
        return try Answer.page(try await call.api.schedules.put(request, by: call.actor))
    }

    private static func refuseTrigger(_ spec: ScheduleSpec) throws(FlowError) {
        guard spec.isTrigger == nil else {
            throw FlowError(.usage, subject: "isTrigger", "Nothing was done: 'isTrigger' is set by a flow's file and by nobody else.")
        }
    }

    static func put(_ call: Call) async throws -> Response {
        let spec = try await call.body(ScheduleSpec.self)
        try refuseTrigger(spec)
        return try Answer.json(try await call.api.schedules.put(call.parameter("name"), spec, by: call.actor))
    }

    static func remove(_ call: Call) async throws -> Response {
        try await call.api.schedules.remove(schedule: call.parameter("name"), by: call.actor)
        return Answer.nothing()
    }

    static func pause(_ call: Call) async throws -> Response {
        let request = try await call.body(Wire.SchedulePause.self)
        return try Answer.json(try await call.api.schedules.pause(call.parameter("name"), request, by: call.actor))
    }

    static func resume(_ call: Call) async throws -> Response {
        try Answer.json(try await call.api.schedules.resume(call.parameter("name"), by: call.actor))
    }

    static func next(_ call: Call) async throws -> Response {
        try Answer.page(try await call.api.schedules.next(call.parameter("name"), limit: try call.pageSize()))
    }

    static func occurrences(_ call: Call) async throws -> Response {
        let text = try call.query("after")
        let before = text.flatMap { Instant($0) }
        if let text, before == nil {
            throw FlowError(.usage, subject: "after", "Nothing was done: 'after' is '\(text)', it must be the time of a record.")
        }
        return try Answer.page(
            try await call.api.schedules.occurrences(
                of: call.parameter("name"), isMissed: try call.flag("missed"), before: before, limit: try call.pageSize()))
    }

    static func backfill(_ call: Call) async throws -> Response {
        let request = try await call.body(Wire.Backfill.self)
        return try Answer.page(try await call.api.schedules.backfill(call.parameter("name"), request, by: call.actor))
    }

    static func runNow(_ call: Call) async throws -> Response {
        let id = try await call.api.schedules.runNow(call.parameter("name"), by: call.actor)
        return try Answer.json(Wire.Run(try await call.run(named: id.text)), status: .created)
    }
}
