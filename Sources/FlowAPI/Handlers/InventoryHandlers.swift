import FlowModel
import FlowWire
import HTTPTypes
import Hummingbird

enum InventoryHandlers {
    static func show(_ call: Call) async throws -> Response {
        let inventory = try await call.api.hosts.inventory()
        return try InventoryPage(inventory, after: try call.query("after"), limit: try call.fullPageSize()).response()
    }

    static func hosts(_ call: Call) async throws -> Response {
        let all: [Host]
        if let selector = try call.query("selector") {
            all = try await call.api.hosts.hosts(matching: selector)
        } else {
            all = try await call.api.hosts.inventory().hosts
        }
        return try Answer.page(ofAll: all, call, key: \.name) { Wire.Host($0) }
    }

    static func add(_ call: Call) async throws -> Response {
        let host = try await call.body(Wire.Host.self)
        guard let added = try await call.api.hosts.add([host], by: call.actor).first else { return Answer.nothing() }
        return try Answer.json(added, status: .created)
    }

    static func addAll(_ call: Call) async throws -> Response {
        let hosts = try await call.body(Wire.Hosts.self).hosts
        return try Answer.page(try await call.api.hosts.add(hosts, by: call.actor))
    }

    static func scan(_ call: Call) async throws -> Response {
        try Answer.page(try await call.api.hosts.scan(try await call.body(Wire.Scan.self)))
    }

    static func importKnownHosts(_ call: Call) async throws -> Response {
        let request = try await call.body(Wire.KnownHosts.self)
        return try Answer.json(try await call.api.hosts.importKnownHosts(request, by: call.actor))
    }

    static func ping(_ call: Call) async throws -> Response {
        try Answer.page(try await call.api.hosts.ping(try await call.body(Wire.Ping.self).selector))
    }
}
