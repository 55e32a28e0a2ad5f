import Crypto
import FlowAPI
import FlowModel
import FlowServer
import FlowStoreSQLite
import FlowWire
import Foundation
import Testing

@Suite("Hooks")
struct HookTests {
    private static let body = #"{"version":"1.4.2"}"#

    private final class Sender {
        let house: ScheduleHouse
        let hooks: HookBook
        var secret = ""

        init(_ house: ScheduleHouse) {
            self.house = house
            hooks = HookBook(
                store: house.store, engine: house.engine, plans: house.preparation, seal: { "sealed " + $0 },
                open: { String($0.dropFirst("sealed ".count)) }, now: { house.clock.now },
                people: { house.people.people })
        }

        func put(_ change: (inout HookSpec) -> Void = { _ in }, newSecret: Bool = false) async throws {
            var spec = HookSpec(flow: "open")
            change(&spec)
            let hook = try await hooks.put("push", spec, newSecret: newSecret, by: ScheduleHouse.alice)
            secret = hook.secret ?? secret
        }

        func signature(_ id: String, _ timestamp: String, _ body: String) throws -> String {
            let key = try #require(Data(base64Encoded: String(secret.dropFirst(6))))
            let code = HMAC<SHA256>.authenticationCode(for: Array("\(id).\(timestamp).\(body)".utf8), using: SymmetricKey(data: key))
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
            #expect(try await sender.hooks.hooks().first?.fault?.contains("hook 'push' stands still") == true)
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
