import FlowAPI
import FlowModel
import FlowServer
import FlowWire
import Foundation
import Testing

/// `next` is a time at which something runs: nobody plans an evening by one at which nothing does.
@Suite("When schedules run next", .timeLimit(.minutes(10)))
struct ScheduleNextTests {
    @Test func `not on a closed day, and not in a pause`() async throws {
        let home = try TemporaryHome()
        defer { home.remove() }
        let house = try await ScheduleHouse(home: home, clock: try ManualClock("2026-03-02T12:00:00Z"))
        func next() async throws -> Instant? { try await house.book.schedule("s")?.nextAt }
        try await house.put("s") { spec in
            spec.cron = "*/5 * * * *"
            spec.blackouts = [
                .init(from: try? moment("2026-03-02T00:00:00Z"), until: try? moment("2026-03-04T00:00:00Z"), cron: nil, minutes: nil)
            ]
        }
        #expect(try await next() == moment("2026-03-04T00:00:00Z"))
        _ = try await house.book.pause(
            "s", Wire.SchedulePause(reason: "release", until: try moment("2026-03-05T03:00:00Z")), by: ScheduleHouse.alice)
        #expect(try await next() == moment("2026-03-05T03:00:00Z"))
        _ = try await house.book.pause("s", Wire.SchedulePause(reason: "for long", until: nil), by: ScheduleHouse.alice)
        #expect(try await next() == nil)
        _ = try await house.book.resume("s", by: ScheduleHouse.alice)
        #expect(try await house.book.schedules(after: nil, limit: 10).map(\.nextAt) == [try moment("2026-03-04T00:00:00Z")])
        try await house.close()
    }

    @Test func `never of a flow that was removed, which is said as long as it is gone`() async throws {
        let home = try TemporaryHome()
        defer { home.remove() }
        let server = try await FlowServer.open(.init(home: home.path))
        let client = Client(socket: server.socket)
        let plan = Plan(flow: "nap", nodes: [Nodes.sleep("nap", 0)], dsl: "test")
        let body = String(decoding: try JSONEncoder().encode(Wire.Register(plan: plan)), as: UTF8.self)
        _ = try await client.value(Wire.Flow.self, "PUT", "/v1/flows/nap", body)
        let added = try await client.value(Wire.Schedule.self, "PUT", "/v1/schedules/s", #"{"flow":"nap","cron":"@daily"}"#)
        #expect(added.nextAt != nil && added.fault == nil)
        #expect(try await client.send("DELETE", "/v1/flows/nap").status == 204)
        let one = try await client.value(Wire.Schedule.self, "GET", "/v1/schedules/s")
        let listed = try await client.value(Wire.Page<Wire.Schedule>.self, "GET", "/v1/schedules").items
        for schedule in [one] + listed { #expect(schedule.nextAt == nil && schedule.fault?.contains("no flow 'nap' is registered") == true) }
        _ = try await client.value(Wire.Flow.self, "PUT", "/v1/flows/nap", body)
        #expect(try await client.value(Wire.Schedule.self, "GET", "/v1/schedules/s").nextAt == added.nextAt)
        let freeze = try await client.value(
            Wire.ChangeRule.self, "PUT", "/v1/freezes/f", #"{"reason":"year end","flows":["napp","n*"],"until":"2999-01-01T00:00:00Z"}"#)
        #expect(freeze.warnings?.map(\.subject) == ["napp"] && freeze.warnings?.first?.message.contains("did you mean 'nap'") == true)
        let host = #"{"name":"web-1","address":"10.0.0.1","identityFile":"hosts/id_ops"}"#
        let refused = try await client.send("POST", "/v1/inventory/hosts", host)
        #expect(refused.status == 400 && String(decoding: refused.body, as: UTF8.self).contains("is no absolute path"))
        try await server.close()
    }
}
