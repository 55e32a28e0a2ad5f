import FlowAPI
import FlowCrypto
import FlowEngine
import FlowModel
import FlowServer
import FlowStoreSQLite
import FlowWire
import Foundation
import Logging
import Testing

@Suite("Hooks", .timeLimit(.minutes(10)))
struct HookTests {
    private static let body = #"{"version":"1.4.2"}"#

    private final class Sender {
        let house: ScheduleHouse
        let hooks: HookBook
        var secret = ""

        init(_ house: ScheduleHouse) {
            self.house = house
            hooks = HookBook(
                store: house.store, engine: house.engine, plans: house.preparation,
                inputs: StoredInputs(secrets: { _ in [] }, seal: { "sealed " + $0 }, open: { String($0.dropFirst("sealed ".count)) }),
                now: { house.clock.now },
                people: { house.people.people }, logger: Logger(label: "test"))
        }

        func put(_ change: (inout HookSpec) -> Void = { _ in }, newSecret: Bool = false) async throws {
            var spec = HookSpec(flow: "open")
            change(&spec)
            let hook = try await hooks.put("push", spec, newSecret: newSecret, by: ScheduleHouse.alice)
            secret = hook.secret ?? secret
        }

        func signature(_ id: String, _ timestamp: String, _ body: String) throws -> String {
            let key = try #require(Data(base64Encoded: String(secret.dropFirst(6))))
            let code = HMAC.sha256.code(of: Array("\(id).\(timestamp).\(body)".utf8), key: Array(key))
            return "v1," + Data(code).base64EncodedString()
        }

        func send(_ id: String = "m1", _ body: String = HookTests.body, agoSeconds: Int64 = 0, to name: String = "push") async throws
            -> Wire.Delivered
        {
            let timestamp = "\(house.clock.now.milliseconds / 1_000 - agoSeconds)"
            let signature = try signature(id, timestamp, body)
            return try await hooks.deliver(
                HookDelivery(id: id, timestamp: timestamp, signatures: signature, body: Array(body.utf8)), to: name)
        }
    }

    private func withSender(_ work: (Sender) async throws -> Void) async throws {
        let house = try await ScheduleHouse(home: try TemporaryHome(), clock: try ManualClock("2026-03-01T12:00:00Z"))
        let sender = Sender(house)
        try await sender.put()
        try await work(sender)
        try await house.close()
    }

    @Test func `a signed request starts one run, however often it comes`() async throws {
        try await withSender { sender in
            let first = try await sender.send()
            #expect(first.isNew)
            sender.house.clock.set(sender.house.clock.now + 10)
            for _ in 0..<3 {
                let again = try await sender.send(agoSeconds: 10)
                #expect(again.run == first.run)
                #expect(!again.isNew)
            }
            #expect(try await sender.send("m2").run != first.run)
            #expect(try await sender.hooks.deliveries(of: "push", limit: 10).map(\.nominal) == ["m2", "m1"])
            let row = try #require(try await sender.house.store.run(first.run))
            #expect(row.labels["hook"] == "push")
            #expect(row.actor == "alice", "it is a run of who made the hook")
        }
    }

    @Test func `another message under the id of one that was taken is refused and listed, not lost in silence`() async throws {
        try await withSender { sender in
            let first = try await sender.send("m1")
            let other = try await sender.send("m2", #"{"version":"2.0.0"}"#)
            for _ in 0..<2 {
                let error = await #expect(throws: FlowError.self) { try await sender.send("m1", #"{"version":"9.9.9"}"#) }
                #expect(error?.code == .conflict)
                #expect(error?.message.contains("was asked for with other content") == true, "\(String(describing: error))")
            }
            #expect(try await sender.send("m1").run == first.run)
            #expect(try await sender.send("m2", #"{"version":"2.0.0"}"#).run == other.run)
        }
    }

    @Test func `a delivery whose key somebody else has is refused, each time it comes, and the next one is taken`() async throws {
        try await withSender { sender in
            for key in ["hook push d1", StartRequest.ownKey("hook", "push", "d9")] {
                let request = try await sender.house.preparation.prepare(Wire.Start(flow: "quick"), key: key, content: ["of": "somebody"])
                _ = try await sender.house.engine.start(request, by: ScheduleHouse.alice)
            }
            #expect(try await sender.send("d1").isNew)
            for _ in 0..<2 {
                let error = await #expect(throws: FlowError.self) { try await sender.send("d9") }
                #expect(error?.code == .conflict && error?.message.contains("belongs to run") == true, "\(String(describing: error))")
            }
            #expect(try await sender.send("d10").isNew)
        }
    }

    @Test func `nothing that is not signed, or not of now, starts anything`() async throws {
        try await withSender { sender in
            let hooks = sender.hooks
            let time = "\(sender.house.clock.now.milliseconds / 1_000)"
            let later = "\(sender.house.clock.now.milliseconds / 1_000 + 1)"
            let good = try sender.signature("m1", time, HookTests.body)
            let wrong: [(String, String, String, String)] = [
                ("m2", time, good, HookTests.body), ("m1", later, good, HookTests.body), ("m1", time, good, HookTests.body + " "),
                ("m1", time, "", HookTests.body), ("m1", time, "v1,AAAA", HookTests.body), ("m1", time, String(good.dropFirst(3)), HookTests.body),
                ("", time, good, HookTests.body), ("m1", "", good, HookTests.body), ("m1", "soon", good, HookTests.body),
            ]
            for (id, timestamp, signature, body) in wrong {
                await #expect(throws: FlowError.self, "\(id) \(timestamp) \(signature)") {
                    try await hooks.deliver(
                        HookDelivery(id: id, timestamp: timestamp, signatures: signature, body: Array(body.utf8)), to: "push")
                }
            }
            for ago: Int64 in [301, -301] { await #expect(throws: FlowError.self) { try await sender.send(agoSeconds: ago) } }
            await #expect(throws: FlowError.self) { try await sender.send(to: "pull") }
            let old = sender.secret
            try await sender.put(newSecret: true)
            #expect(sender.secret != old)
            await #expect(throws: FlowError.self) {
                try await hooks.deliver(
                    HookDelivery(id: "m1", timestamp: time, signatures: good, body: Array(HookTests.body.utf8)), to: "push")
            }
            let refused = try await hooks.deliveries(of: "push", limit: 100)
            #expect(refused.allSatisfy { $0.state == .skipped && $0.run == nil })
            let causes = refused.reversed().map { String($0.detail?.prefix { $0 != ":" } ?? "") }
            #expect(causes == Array(repeating: "signature", count: 6) + Array(repeating: "form", count: 3) + ["age", "age", "signature"])
            #expect(!refused.contains { $0.detail?.contains(good) ?? true || $0.detail?.contains(sender.secret) ?? true })
            // Of several signatures one is enough, as while a secret is changed.
            let both = good + " " + (try sender.signature("m1", time, HookTests.body))
            let delivered = try await hooks.deliver(
                HookDelivery(id: "m1", timestamp: time, signatures: both, body: Array(HookTests.body.utf8)), to: "push")
            #expect(delivered.isNew)
        }
    }

    @Test func `inputs come from where the hook says, and what it fixes no request changes`() async throws {
        try await withSender { sender in
            try await sender.put { $0.inputs = ["hosts": "group:web"] }
            let plain = try await sender.send("a", #"{"version":"1.4.2","hosts":"group:db"}"#)
            #expect(try await sender.house.store.run(plain.run)?.inputs == ["version": "1.4.2", "hosts": "group:web"])
            try await sender.put { ($0.inputs, $0.take) = (["hosts": "group:web"], ["version": "/release/tags/1/a~1b", "hosts": "/hosts"]) }
            let taken = try await sender.send("b", #"{"release":{"tags":[0,{"a/b":"2.0.0"}]},"hosts":"group:db"}"#)
            #expect(try await sender.house.store.run(taken.run)?.inputs == ["version": "2.0.0", "hosts": "group:web"])
            for (id, body) in [("c", #"{"zen":"x"}"#), ("d", ""), ("e", "[]"), ("f", #""x""#), ("g", #"{"release":{"tags":[0,{"a/b":null}]}}"#)] {
                let refusal = await #expect(throws: FlowError.self) { try await sender.send(id, body) }
                #expect(refusal?.message.contains("no value at '/release/tags/1/a~1b'") == true, "\(refusal?.message ?? "")")
            }
        }
    }

    @Test func `what is refused is listed with its reason, as many as are kept, until the hook is removed`() async throws {
        try await withSender { sender in
            await #expect(throws: FlowError.self) { try await sender.send("list", "[1]") }
            await #expect(throws: FlowError.self) { try await sender.send("text", "{") }
            let refused = try await sender.hooks.deliveries(of: "push", limit: 10)
            #expect(refused.map(\.nominal) == ["text", "list"] || refused.map(\.nominal) == ["list", "text"])
            #expect(refused.contains { $0.detail?.contains("not an object of inputs") == true })
            for number in 0...Limits.hookRefusals { await #expect(throws: FlowError.self) { try await sender.send("m\(number)", "[]") } }
            #expect(try await sender.hooks.deliveries(of: "push", limit: 1_000).count == Limits.hookRefusals)
            try await sender.hooks.remove(hook: "push", by: ScheduleHouse.alice)
            await #expect(throws: FlowError.self) { try await sender.hooks.deliveries(of: "push", limit: 10) }
        }
    }

    @Test func `what is refused is listed after a restart, too, as many as are kept`() async throws {
        let home = try TemporaryHome()
        defer { home.remove() }
        let clock = try ManualClock("2026-03-01T12:00:00Z")
        let house = try await ScheduleHouse(home: home, clock: clock)
        let sender = Sender(house)
        try await sender.put()
        for number in 0..<(Limits.hookRefusals - 1) { await #expect(throws: FlowError.self) { try await sender.send("a\(number)", "[]") } }
        try await sender.hooks.keepRefusals()
        for number in 0..<3 { await #expect(throws: FlowError.self) { try await sender.send("b\(number)", "[]") } }
        let before = try await sender.hooks.deliveries(of: "push", limit: 1_000)
        #expect(before.map(\.nominal).prefix(4) == ["b2", "b1", "b0", "a\(Limits.hookRefusals - 2)"])
        #expect(before.count == Limits.hookRefusals)
        try await sender.hooks.keepRefusals()
        try await house.close()

        let again = try await ScheduleHouse(home: home, clock: clock)
        let next = Sender(again)
        #expect(try await next.hooks.deliveries(of: "push", limit: 1_000) == before)
        // With the hook its refusals go: a new one of the name has none of them.
        try await next.hooks.remove(hook: "push", by: ScheduleHouse.alice)
        try await next.put()
        #expect(try await next.hooks.deliveries(of: "push", limit: 1_000).isEmpty)
        try await again.close()
    }

    @Test func `a server that is stopped has written what its hooks refused`() async throws {
        let home = try TemporaryHome()
        defer { home.remove() }
        var server = try await FlowServer.open(.init(home: home.path))
        var client = Client(socket: server.socket)
        let plan = Plan(flow: "nap", nodes: [Nodes.sleep("nap", 0)], dsl: "test")
        let body = String(decoding: try JSONEncoder().encode(Wire.Register(plan: plan)), as: UTF8.self)
        _ = try await client.value(Wire.Flow.self, "PUT", "/v1/flows/nap", body)
        #expect(try await client.send("PUT", "/v1/hooks/push", #"{"flow":"nap"}"#).status == 200)
        #expect(try await client.send("POST", "/v1/hooks/push", "{}", headers: ["webhook-id": "m1"]).status == 401)
        try await server.close()
        server = try await FlowServer.open(.init(home: home.path))
        client = Client(socket: server.socket)
        let listed = try await client.value(Wire.Page<Wire.Occurrence>.self, "GET", "/v1/hooks/push/deliveries").items
        #expect(listed.map(\.nominal) == ["m1"])
        try await server.close()
    }

    @Test func `labels of hooks have the bounds of those of starts`() async throws {
        try await withSender { sender in
            try await sender.put { $0.labels = tooManyLabels(Limits.labels) }
            for labels in [tooManyLabels(Limits.labels + 1), ["": "v"], ["a=b": "v"], ["a": String(repeating: "v", count: Limits.textBytes)]] {
                let error = await #expect(throws: FlowError.self) { try await sender.put { $0.labels = labels } }
                #expect(error?.code == .usage)
            }
        }
    }

    @Test func `a hook of somebody who was removed or demoted starts nothing and says why`() async throws {
        try await withSender { sender in
            let accounts = Accounts(sender.house.store)
            let now = sender.house.clock.now
            #expect(try await sender.send("a").isNew)
            try await accounts.setRoles(["viewer"], of: "alice", by: "root", at: now)
            try await sender.house.people.refresh()
            let demoted = await #expect(throws: FlowError.self) { try await sender.send("b") }
            #expect(demoted?.code == .forbidden)
            #expect(demoted?.message.contains("may not start runs any more") == true)
            #expect(try await sender.hooks.hooks(after: nil, limit: 10).first?.fault?.contains("hook 'push' stands still") == true)
            _ = try await accounts.remove(user: "alice", by: "root", at: now)
            // Whoever gets the name later has nothing of it.
            try await accounts.add(user: "alice", roles: ["admin"], by: "root", at: now)
            try await sender.house.people.refresh()
            let removed = await #expect(throws: FlowError.self) { try await sender.send("c") }
            #expect(removed?.message.contains("was removed") == true)
            #expect(try await sender.hooks.deliveries(of: "push", limit: 10).map(\.nominal) == ["c", "b", "a"])
            try await sender.put()
            #expect(try await sender.send("d").isNew, "who takes it over is its owner")
        }
    }
}
