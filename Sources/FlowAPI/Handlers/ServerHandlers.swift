import FlowEngine
import FlowModel
import FlowWire
import HTTPTypes
import Hummingbird
import NIOCore

enum ServerHandlers {
    static func health(_ call: Call) async throws -> Response {
        let isService = call.api.isService ? true : nil
        guard let refusal = call.api.engine.commitRefusal(at: call.api.now()) else {
            return try Answer.json(Wire.Health(status: "ok", version: flowVersion, isService: isService))
        }
        let health = Wire.Health(status: "degraded", version: flowVersion, since: refusal.since, isService: isService)
        return try Answer.json(health, status: .serviceUnavailable, headers: [.retryAfter: "\(APILimits.degradedSeconds)"])
    }

    static func openAPI(_ call: Call) async throws -> Response {
        Answer.bytes(OpenAPIDocument.answer, type: "application/json")
    }

    static func metrics(_ call: Call) async throws -> Response {
        Answer.text(call.api.meters.text(try await call.api.caretaker.figures()), type: "text/plain; version=0.0.4; charset=utf-8")
    }

    static func doctor(_ call: Call) async throws -> Response {
        try Answer.page(try await call.api.caretaker.findings())
    }

    static func backup(_ call: Call) async throws -> Response {
        let caretaker = call.api.caretaker
        let actor = call.actor
        let backup = try await caretaker.backup()
        return Answer.stream(type: "application/octet-stream", length: backup.bytes) { writer in
            let sink = StreamSink(writer)
            var last: ByteBuffer?
            do {
                last = try await backup.next()
                while let piece = last, let next = try await backup.next() {
                    try await sink.write(piece)
                    last = next
                }
                await backup.finish()
            } catch {
                await backup.finish()
                throw error
            }
            // Whole, as far as can be told from here: how old the newest is, is read from this. Before its last piece, since who has all bytes takes it
            // for taken.
            try await caretaker.note("backup", subject: "database", detail: ["bytes": .int(backup.bytes)], by: actor)
            if let last { try await sink.write(last) }
            try await sink.finish()
        }
    }

    static func audit(_ call: Call) async throws -> Response {
        let limit = try call.pageSize()
        let before = try call.integer("after", in: 0...Int.max, unless: 0)
        let entries = try await call.api.caretaker.audit(before: before == 0 ? nil : before, limit: limit + 1)
        let shown = Array(entries.prefix(limit))
        return try Answer.page(shown, hasMore: entries.count > limit) { String(shown[$0].sequence) }
    }
}
