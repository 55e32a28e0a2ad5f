import FlowInventory
import FlowModel
import FlowServer
import FlowWire
import Foundation
import Synchronization
import Testing

private final class Counter: Sendable {
    private let count = Mutex(0)
    var value: Int { count.withLock { $0 } }
    func add() { count.withLock { $0 += 1 } }
}

@Suite("The inventory behind the API", .timeLimit(.minutes(1)))
struct InventoryTests {
    @Test func `all who ask while the file is read wait for one reading`() async throws {
        let home = try TemporaryHome()
        defer { home.remove() }
        try home.write("inventory.yaml", "hosts:\n  a: {address: 10.0.0.1}\n")
        let gate = DispatchSemaphore(value: 0)
        let readings = Counter()
        let service = InventoryService(file: home.path + "/inventory.yaml", isNamed: true) { path in
            readings.add()
            gate.wait()
            gate.signal()
            return try Inventory.load(path)
        }
        let asked = Counter()
        let found = try await withThrowingTaskGroup(of: Int.self) { group in
            for _ in 0..<16 {
                group.addTask {
                    asked.add()
                    return try await service.current().hosts.count
                }
            }
            while asked.value < 16 || readings.value == 0 { await Task.yield() }
            gate.signal()
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(found == [Int](repeating: 1, count: 16))
        #expect(readings.value == 1)
        // A change is seen by who asks next, and faults are said to each.
        try home.write("inventory.yaml", "hosts:\n  a: {address: 10.0.0.1}\n  b: {address: 10.0.0.2}\n")
        #expect(try await service.current().hosts.count == 2)
        try home.write("inventory.yaml", "hosts: []\n")
        await #expect(throws: FlowError.self) { try await service.current() }
        await #expect(throws: FlowError.self) { try await service.current() }
    }

    @Test func `hosts are added to a file of any system, one or many, and what is wrong with one keeps all out`() async throws {
        try await withServer { client, home in
            try home.write("inventory.yaml", "hosts:\r\n  a1: {address: 127.0.0.1}\r\n")
            let one = try await client.send("POST", "/v1/inventory/hosts", #"{"name":"b1","address":"[::1]"}"#)
            #expect(one.status == 201)
            let many = #"{"hosts":[{"name":"c1","address":"10.0.0.1"},{"name":"c2","address":"10.0.0.2","port":2222}]}"#
            #expect(try await client.value(Wire.Page<Wire.Host>.self, "PUT", "/v1/inventory/hosts", many).items.map(\.name) == ["c1", "c2"])
            let before = try home.read("inventory.yaml")
            for bad in [
                #"{"hosts":[{"name":"d1","address":"10.0.0.3"},{"name":"d2","address":"10.0.0.4:22"}]}"#,
                #"{"hosts":[{"name":"d1","address":"10.0.0.3"},{"name":"a1","address":"10.0.0.9"}]}"#,
                #"{"hosts":[{"name":"d1","address":"10.0.0.3","port":99999999}]}"#, #"{"hosts":[{"name":"d1","address":"x","hostKeys":["y"]}]}"#,
            ] {
                let status = try await client.send("PUT", "/v1/inventory/hosts", bad).status
                #expect((400..<500).contains(status), "\(bad): \(status)")
            }
            #expect(try home.read("inventory.yaml") == before)
            let shown = try await client.value(Wire.Inventory.self, "GET", "/v1/inventory").hosts
            #expect(shown.map(\.name) == ["a1", "b1", "c1", "c2"] && shown[1].address == "::1")
            let text = String(decoding: before, as: UTF8.self)
            #expect(!text.replacing("\r\n", with: "").contains("\n"), "every line ends as the first")
        }
    }
}
