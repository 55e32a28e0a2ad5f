import FlowModel
import FlowWire
import HTTPTypes
import Hummingbird

/// Hooks: kept by authors, used by whoever knows the secret.
enum HookHandlers {
    static func list(_ call: Call) async throws -> Response {
        let after = try call.query("after")
        return try await Answer.page(limit: try call.fullPageSize(), key: \Wire.Hook.name) { last, limit in
            try await call.api.hooks.hooks(after: last?.name ?? after, limit: limit)
        }
    }

    static func put(_ call: Call) async throws -> Response {
        let spec = try await call.body(HookSpec.self)
        let isNew = try call.flag("newSecret")
        return try Answer.json(try await call.api.hooks.put(call.parameter("name"), spec, newSecret: isNew, by: call.actor))
    }

    static func remove(_ call: Call) async throws -> Response {
        try await call.api.hooks.remove(hook: call.parameter("name"), by: call.actor)
        return Answer.nothing()
    }

    static func deliveries(_ call: Call) async throws -> Response {
        try Answer.page(try await call.api.hooks.deliveries(of: call.parameter("name"), limit: try call.pageSize()))
    }

    /// The signature is over the bytes as they came, so the body is not read as JSON before it is known to be genuine.
    static func deliver(_ call: Call) async throws -> Response {
        func header(_ name: String) -> String { HTTPField.Name(name).flatMap { call.request.headers[$0] } ?? "" }
        let delivery = HookDelivery(
            id: header("webhook-id"), timestamp: header("webhook-timestamp"), signatures: header("webhook-signature"),
            body: try await call.bytes())
        let delivered = try await call.api.hooks.deliver(delivery, to: call.parameter("name"))
        return try Answer.json(delivered, status: delivered.isNew ? .created : .ok)
    }
}
