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
        guard let targets = body.targets else {
            if body.rollout != nil { throw FlowError(.usage, subject: "rollout", "Nothing was retried: 'rollout' goes with 'targets' only.") }
            if let inputs = body.inputs {
                let edit = try await edit(inputs, call)
                return try await perform(.edit(edit, isRetry: true, from: body.from), call, message: body.message)
            }
            return try await perform(.retry(from: body.from), call, message: body.message)
        }
        if body.inputs != nil {
            throw FlowError(.usage, subject: "inputs", "Nothing was retried: 'inputs' and 'targets' exclude each other; change the inputs first.")
        }
        guard !targets.isEmpty else { throw FlowError(.usage, subject: "targets", "Nothing was retried: no targets are named.") }
        let outcomes = targets.compactMap(TargetOutcome.init(rawValue:))
        let chosen: RedoTargets = outcomes.count == targets.count ? .outcomes(outcomes) : .named(targets)
        return try await perform(.redo(rollout: body.rollout, chosen, from: body.from?.text), call, message: body.message)
    }

    static func inputs(_ call: Call) async throws -> Response {
        let body = try await call.body(Wire.Inputs.self)
        return try await perform(.edit(try await edit(body.inputs, call), isRetry: false, from: nil), call, message: body.message)
    }

    private static func edit(_ inputs: [String: JSON], _ call: Call) async throws -> InputEdit {
        guard !inputs.isEmpty else { throw FlowError(.usage, subject: "inputs", "Nothing was changed: no inputs are given.") }
        let row = try await call.wholeRun()
        let (created, plan) = try await RunHandlers.content(of: row, call)
        return try await call.api.preparation.edit(inputs, of: plan, begunWith: created, now: row.inputs)
    }

    static func signal(_ call: Call) async throws -> Response {
        let body = try await call.body(Wire.Signal.self)
        let key = try call.idempotencyKey()
        return try await perform(.signal(call.parameter("name"), body.value ?? .null, key: key), call, message: body.message)
    }

    static func breakpoint(_ call: Call) async throws -> Response {
        let body = try await call.body(Wire.Breakpoint.self)
        return try await perform(.hold(before: body.step, isSet: body.isSet ?? true), call, message: body.message)
    }

    static func undo(_ call: Call) async throws -> Response {
        let body = try await call.body(Wire.Message.self)
        return try await perform(.undo(StepPath(call.parameter("path"))), call, message: body.message)
    }

    static func undoRun(_ call: Call) async throws -> Response { try await plain(.undo(nil), call) }

    static func undoPlan(_ call: Call) async throws -> Response {
        let run = try await call.run().id
        let folds = call.api.engine.folds(from: call.api.reader)
        let (stages, stays) = try await folds.undoStages(of: run, from: try call.query("from").map { StepPath($0) })
        let items = stages.map { $0.map { Wire.UndoPlan.Item(step: $0.step, target: $0.target, by: $0.by) } }
        return try Answer.json(Wire.UndoPlan(stages: items, stays: stays.isEmpty ? nil : stays))
    }

    static func release(_ call: Call) async throws -> Response {
        let body = try await call.body(Wire.Message.self)
        return try await perform(.release(StepPath(call.parameter("path"))), call, message: body.message)
    }

    static func adjust(_ call: Call) async throws -> Response {
        let body = try await call.body(Wire.Adjust.self)
        func amount(_ text: String?, _ name: String) throws(FlowError) -> Amount? {
            guard let text else { return nil }
            guard let amount = Amount(text) else {
                throw FlowError(.usage, subject: name, "Nothing was changed: '\(name)' is a number or a share such as 5%, found '\(text)'.")
            }
            return amount
        }
        let batches: BatchSizes?
        do throws(BatchSizes.Fault) {
            batches = try body.batches.map { text throws(BatchSizes.Fault) in try BatchSizes(text) }
        } catch {
            throw FlowError(.usage, subject: "batches", "Nothing was changed: \(error.message).")
        }
        let adjustment = RolloutAdjustment(
            maxFailures: try amount(body.maxFailures, "maxFailures"), concurrency: try amount(body.concurrency, "concurrency"),
            startRate: try startRate(body.startRate),
            batches: batches, pauseAfterBatch: body.pauseAfterBatch)
        guard adjustment != RolloutAdjustment() else {
            throw FlowError(.usage, subject: "rollout", "Nothing was changed: nothing to change is named.")
        }
        return try await perform(.adjust(StepPath(call.parameter("path")), adjustment), call, message: body.message)
    }

    private static func startRate(_ text: String?) throws(FlowError) -> StartRate? {
        guard let text else { return nil }
        guard let rate = StartRate(text) else {
            throw FlowError(
                .usage, subject: "startRate",
                "Nothing was changed: 'startRate' is how many in which time, such as 30/min, 5/10s or 600/h; found '\(text)'.")
        }
        if let fault = rate.fault { throw FlowError(.usage, subject: "startRate", "Nothing was changed: 'startRate' \(fault).") }
        return rate
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

    static func perform(_ command: RunCommand, _ call: Call, message: String?) async throws -> Response {
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
