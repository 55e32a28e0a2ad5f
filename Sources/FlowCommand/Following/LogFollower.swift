import FlowModel
import FlowWire

/// Shows what the steps of a run write, as they write it.
struct LogFollower: Sendable {
    let session: Session
    /// What stands before a line of an attempt.
    let label: @Sendable (StepPath, _ target: String?) -> String
    private let here = Surroundings.here

    init(session: Session, label: @escaping @Sendable (StepPath, _ target: String?) -> String) {
        self.session = session
        self.label = label
    }

    /// Follows all outputs of a run from the beginning until it has ended.
    func follow(_ run: RunID) async throws -> RunState {
        let printer = OutputPrinter(here.terminal)
        return try await withThrowingTaskGroup(of: Void.self) { group in
            var running = 0
            var position = 0
            var patience = Patience()
            while true {
                do {
                    let state = try await session.client.events(of: run.text, after: position) { record in
                        guard record.sequence > position else { return }
                        patience.progressed()
                        for (source, label) in LogFollower.leases(in: record, run: run, label: label) {
                            if running >= CommandLimits.followedOutputs {
                                try await group.next()
                                running -= 1
                            }
                            running += 1
                            group.addTask { try await follow(source, label, printer) }
                        }
                        position = record.sequence
                    }
                    guard let state else { throw TransportFailure(.lost, "") }
                    try await group.waitForAll()
                    return state
                } catch {
                    try await recover(from: error, &patience)
                }
            }
        }
    }

    /// Follows one stream of one attempt to its end, across lost connections.
    private func follow(_ source: OutputSource, _ label: String, _ printer: OutputPrinter) async throws {
        try await bytes(of: source) { try await printer.take($0, of: source, label: label) }
        try await printer.finish(source, label: label)
    }

    /// All bytes of a stream until its attempt has ended.
    func bytes(of source: OutputSource, receive: ([UInt8]) async throws -> Void) async throws {
        var offset = 0
        var patience = Patience()
        while true {
            do {
                try await session.client.output(source, from: offset, follows: true) { bytes in
                    patience.progressed()
                    offset += bytes.count
                    try await receive(bytes)
                }
                return
            } catch {
                try await recover(from: error, &patience)
            }
        }
    }

    /// A command that is silent for a minute ends the stream, not the attempt: then it is asked for again.
    private func recover(from error: any Error, _ patience: inout Patience) async throws {
        try Task.checkCancellation()
        let failure = FlowClient.flowError(error, at: session.client.address())
        guard failure.code == .unreachable || failure.code == .overloaded, let pause = patience.pause(at: here.now()) else {
            throw failure
        }
        try await here.pause(pause)
    }

    /// Both streams of every attempt that a record hands out.
    private static func leases(
        in record: Wire.Record, run: RunID, label: (StepPath, String?) -> String
    ) -> [(OutputSource, String)] {
        record.events.flatMap { event -> [(OutputSource, String)] in
            guard event["kind"]?.stringValue == "attemptLeased", let step = event["step"]?.stringValue,
                let attempt = event["attempt"]?.intValue
            else { return [] }
            let path = StepPath(step)
            let label = label(path, event["target"]?.stringValue)
            return OutputSource.Stream.allCases.map {
                (OutputSource(run: run, step: path, attempt: attempt, stream: $0), label)
            }
        }
    }
}
