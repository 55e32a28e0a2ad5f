import FlowEngine
import FlowModel
import FlowWire
import Hummingbird

/// What operators ask of runs. The engine decides whether the state allows it.
enum CommandHandlers {
    static func pause(_ call: Call) async throws -> Response { try await plain(.pause, call) }
    static func resume(_ call: Call) async throws -> Response { try await plain(.resume, call) }
    static func cancel(_ call: Call) async throws -> Response { try await plain(.cancel, call) }
    static func kill(_ call: Call) async throws -> Response { try await plain(.kill, call) }

    static func retry(_ call: Call) async throws -> Response {
        let body = try await call.body(Wire.Retry.self)
        return try await perform(.retry(from: body.from), call, message: body.message)
    }

    static func skip(_ call: Call) async throws -> Response {
        let body = try await call.body(Wire.Message.self)
        return try await perform(.skip(StepPath(call.parameter("path"))), call, message: body.message)
    }

    static func resolve(_ call: Call) async throws -> Response {
        let body = try await call.body(Wire.Resolve.self)
        let path = StepPath(call.parameter("path"))
        let resolution: RunCommand.Resolution
        switch body.as {
        case .succeeded: resolution = .succeeded(output: body.output)
        case .failed: resolution = .failed
        case .retry: resolution = .retry
        }
        if body.output != nil, body.as != .succeeded {
            throw FlowError(.usage, subject: "output", "Nothing was decided: an output goes with 'succeeded' only.")
        }
        return try await perform(.resolve(path, resolution), call, message: body.message)
    }

    private static func plain(_ command: RunCommand, _ call: Call) async throws -> Response {
        try await perform(command, call, message: try await call.body(Wire.Message.self).message)
    }

    private static func perform(_ command: RunCommand, _ call: Call, message: String?) async throws -> Response {
        let run = try await call.run().id
        try checkText(message, "message")
        let row = try await call.api.engine.perform(command, on: run, by: call.actor, message: message)
        return try Answer.json(Wire.Run(row))
    }

    /// A comment as it may be kept: bounded, and nothing that could pass for a sealed secret.
    static func checkText(_ text: String?, _ name: String) throws(FlowError) {
        guard let text else { return }
        guard text.utf8.count <= Limits.textBytes, !SealedText.isPresent(in: text) else {
            throw FlowError(
                .usage, subject: name,
                "Nothing was done: '\(name)' has more than \(Limits.textBytes) bytes or a reserved character.")
        }
    }
}
