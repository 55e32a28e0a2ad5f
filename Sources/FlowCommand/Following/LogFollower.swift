import FlowModel
import FlowWire

/// Shows what the steps of a run write, as they write it.
struct LogFollower: Sendable {
    let session: Session
    /// Whether nobody else says that the engine does not answer.
    let isAlone: Bool
    /// What stands before a line of an attempt.
    let label: @Sendable (StepPath, _ target: String?) -> String
    private let here = Surroundings.here

    init(session: Session, isAlone: Bool = true, label: @escaping @Sendable (StepPath, _ target: String?) -> String) {
        self.session = session
        self.isAlone = isAlone
        self.label = label
    }

    /// Follows all outputs of a run from the beginning until it has ended.
    func follow(_ run: RunID) async throws -> RunState {
        // A stream that cannot be shown any more, such as into a closed pipe, ends all of it at once, however long the run goes on.
        let (broken, breaks) = AsyncThrowingStream.makeStream(of: Never.self)
        return try await withThrowingTaskGroup(of: RunState?.self) { group in
            group.addTask {
                for try await _ in broken {}
                return nil
            }
            group.addTask { try await session.following { try await followOutputs(run, breaks) } }
            defer { group.cancelAll() }
            while let state = try await group.next() { if let state { return state } }
            throw CancellationError()
        }
    }

    private func followOutputs(_ run: RunID, _ breaks: AsyncThrowingStream<Never, any Error>.Continuation) async throws -> RunState {
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
                        session.progressed()
                        for (source, label) in LogFollower.leases(in: record, run: run, label: label) {
                            if running >= CommandLimits.followedOutputs {
                                try await group.next()
                                running -= 1
                            }
                            running += 1
                            group.addTask {
                                do {
                                    try await follow(source, label, printer)
                                } catch {
                                    if !Task.isCancelled { breaks.finish(throwing: error) }
                                    throw error
                                }
                            }
                        }
                        position = record.sequence
                    }
                    guard let state else { throw TransportFailure(.lost, "") }
                    try await group.waitForAll()
                    return state
                } catch {
                    try await recover(from: error, &patience)
                    if let state = try await endedMeanwhile(run, patience) {
                        group.cancelAll()
                        try await here.terminal.say(Messages.outputCut(run))
                        return state
                    }
                }
            }
        }
    }

    /// The state that a run has ended in while no engine answered, where that can be looked up.
    private func endedMeanwhile(_ run: RunID, _ patience: Patience) async throws -> RunState? {
        guard patience.isTimeToLook else { return nil }
        let state = try await session.lookAside { try await $0.run(run.text).state }
        return state?.isTerminal == true ? state : nil
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
            var isOpen = false
            do {
                try await session.client.output(source, from: offset, follows: true) { bytes in
                    isOpen = true
                    guard !bytes.isEmpty else { return }
                    patience.progressed()
                    offset += bytes.count
                    try await receive(bytes)
                }
                return
            } catch let failure as TransportFailure where isOpen && failure.kind == .timedOut {
                // A command that is silent for a minute ends the stream, not the attempt; and a server that opens it is there.
                try Task.checkCancellation()
                patience.progressed()
            } catch {
                try await recover(from: error, &patience)
            }
        }
    }

    /// Waits before the next try, or gives up.
    func recover(from error: any Error, _ patience: inout Patience) async throws {
        try Task.checkCancellation()
        // Nobody reads it here: that is no fault of the connection.
        if error is WriteFailure { throw error }
        let failure = FlowClient.flowError(error, at: session.client.address())
        guard failure.code == .unreachable || failure.code == .overloaded, let pause = patience.pause(at: here.now()) else {
            throw failure
        }
        if isAlone, patience.tries == 2 { try await session.sayMissed() }
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
