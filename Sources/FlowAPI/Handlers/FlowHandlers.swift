import FlowModel
import FlowWire
import HTTPTypes
import Hummingbird

enum FlowHandlers {
    static func list(_ call: Call) async throws -> Response {
        try Answer.page(ofAll: try await call.api.catalogue.flows(), call, key: \.name)
    }

    static func show(_ call: Call) async throws -> Response {
        let name = call.parameter("name")
        guard let flow = try await call.api.catalogue.flow(name) else {
            let near = nearestNames(to: name, in: try await call.api.catalogue.flows().map(\.name))
            let hint = near.isEmpty ? "flowctl flow list" : "Did you mean '\(near.joined(separator: "', '"))'?"
            throw FlowError(.notFound, subject: name, "Nothing was done: no flow '\(name)' is registered.", hint: hint)
        }
        return try Answer.json(flow)
    }

    static func put(_ call: Call) async throws -> Response {
        let body = try await call.body(Wire.Register.self)
        var flow = try await call.api.catalogue.register(call.parameter("name"), body, by: call.actor)
        // What was given in clear may be secret from this revision on.
        try await call.api.schedules.seal(inputsOf: flow.name, by: call.actor)
        try await call.api.hooks.seal(inputsOf: flow.name, by: call.actor)
        try await call.api.schedules.adopt(flow.plan?.triggers ?? [], of: flow.name, by: call.actor)
        let warnings = try await call.api.schedules.faults(ofFlow: flow.name) + call.api.hooks.faults(ofFlow: flow.name)
        flow.warnings = warnings.isEmpty ? nil : warnings
        return try Answer.json(flow)
    }

    static func remove(_ call: Call) async throws -> Response {
        let name = call.parameter("name")
        try await call.api.catalogue.remove(flow: name, by: call.actor)
        try await call.api.schedules.adopt([], of: name, by: call.actor)
        return Answer.nothing()
    }
}

enum BlobHandlers {
    static func head(_ call: Call) async throws -> Response {
        let digest = try digest(call)
        guard try await call.api.blobs.contains(digest) else {
            throw FlowError(.notFound, subject: digest.hex, "There is no blob \(digest).")
        }
        return Answer.nothing()
    }

    /// Storing a blob that is there already changes nothing and succeeds.
    static func put(_ call: Call) async throws -> Response {
        let digest = try digest(call)
        if let length = call.request.headers[.contentLength].flatMap({ Int($0) }), length > Limits.blobBytes {
            throw FlowError(
                .tooLarge, subject: digest.hex,
                "The blob was not stored: it has \(length) bytes, \(Limits.blobBytes) are allowed.")
        }
        let source = BodySource(call.request.body)
        try await withDeadline(seconds: APILimits.blobSeconds, doing: "the blob arrives") {
            try await call.api.blobs.put(digest) { try await source.next() }
        }
        return Answer.nothing()
    }

    private static func digest(_ call: Call) throws(FlowError) -> Digest {
        let text = call.parameter("sha256")
        guard let digest = Digest(hex: text) else {
            throw FlowError(.usage, subject: text, "A blob is named by the 64 lower-case hexadecimal digits of its SHA-256.")
        }
        return digest
    }
}

/// Hands a body out piece by piece, to one reader that asks for the next piece when it has dealt with the last.
private final class BodySource: @unchecked Sendable {
    // Used by one task at a time: each piece is asked for after the last was given.
    private var iterator: RequestBody.AsyncIterator

    init(_ body: RequestBody) { iterator = body.makeAsyncIterator() }

    func next() async throws -> ByteBuffer? { try await iterator.next() }
}
