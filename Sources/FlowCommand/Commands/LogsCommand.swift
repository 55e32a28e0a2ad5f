import ArgumentParser
import FlowModel
import FlowWire

/// `logs RUN [STEP] [-f]`: what steps wrote.
struct LogsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "logs", abstract: "Prints what the steps of a run wrote.",
        discussion: """
            With a step: its newest attempt, byte for byte; its standard error goes to standard error. \
            Without: all steps, each line after the step it is from, with | for standard output and ! for standard error.
            """)

    @Argument(help: "The run's id, or the start of it that no other run has.", transform: nameOfRun) var run: String
    @Argument(help: "A step, as 'flowctl steps' names it.") var step: String?
    @Flag(name: [.customShort("f"), .long], help: "Go on until the step, or the run, has ended.")
    var follow = false
    @Option(name: .long, help: "This attempt and not the newest; only with a step.")
    var attempt: Int?
    @OptionGroup var connection: ConnectionOptions

    func validate() throws {
        if attempt != nil, step == nil { throw ValidationError("--attempt needs a step.") }
        if let attempt, attempt < 1 { throw ValidationError("--attempt is \(attempt), attempts are counted from 1.") }
    }

    func run() async throws {
        try await Session.with(connection, need: follow ? .command : .look) { session in
            let found = try await session.client.run(run)
            if let step { return try await one(StepPath(step), of: found.id, session) }
            let logs = LogFollower(session: session) { step, _ in step.text }
            if follow {
                try await untilInterrupted(found.id) { _ = try await logs.follow(found.id) }
            } else {
                try await all(of: found.id, session)
            }
        }
    }

    // MARK: - All steps

    private func all(of run: RunID, _ session: Session) async throws {
        let printer = OutputPrinter(Surroundings.here.terminal)
        for step in try await session.client.steps(of: run.text) {
            guard let attempt = step.attempts.first else { continue }
            for stream in OutputSource.Stream.allCases {
                let source = OutputSource(run: run, step: step.path, attempt: attempt.number, stream: stream)
                try await catching(session) {
                    try await session.client.output(source, from: 0, follows: false) { bytes in
                        try await printer.take(bytes, of: source, label: step.path.text)
                    }
                }
                try await printer.finish(source, label: step.path.text)
            }
            try await sayCut(step, attempt.number)
        }
    }

    // MARK: - One step

    private func one(_ path: StepPath, of run: RunID, _ session: Session) async throws {
        guard follow else {
            let step = try await session.client.step(path, of: run)
            guard let number = attempt ?? step.attempts.first?.number else {
                return try await Surroundings.here.terminal.say(
                    "Step '\(path)' is \(step.state.rawValue); it wrote nothing so far.")
            }
            for stream in OutputSource.Stream.allCases {
                let source = OutputSource(run: run, step: path, attempt: number, stream: stream)
                try await catching(session) {
                    try await session.client.output(source, from: 0, follows: false) { try await write($0, stream) }
                }
            }
            try await sayCut(step, number)
            return
        }
        try await untilInterrupted(run) { try await session.following { try await followOne(path, of: run, session) } }
    }

    private func sayCut(_ step: Wire.Step, _ number: Int) async throws {
        guard step.attempts.contains(where: { $0.number == number && $0.truncated }) else { return }
        try await Surroundings.here.terminal.say("The output of '\(step.path)' is cut: there was more than is kept.")
    }

    /// Each attempt to its end, then the next, until the step is settled.
    private func followOne(_ path: StepPath, of run: RunID, _ session: Session) async throws {
        let logs = LogFollower(session: session) { step, _ in step.text }
        var shown = (attempt ?? 1) - 1
        while true {
            guard let step = try await look(at: path, of: run, session, logs) else { return }
            let newest = step.attempts.first?.number ?? 0
            if newest > shown {
                shown = attempt ?? (shown == 0 && step.state.isSettled ? newest : shown + 1)
                try await followAttempt(shown, path, run, logs)
                if attempt != nil { return }
                continue
            }
            if step.state.isSettled { return }
            try await Surroundings.here.pause(0.5)
        }
    }

    /// The step as it is now, across lost connections; nil when nobody answers any more and it is settled.
    private func look(at path: StepPath, of run: RunID, _ session: Session, _ logs: LogFollower) async throws -> Wire.Step? {
        var patience = Patience()
        while true {
            do {
                return try await session.client.step(path, of: run)
            } catch {
                try await logs.recover(from: error, &patience)
            }
            guard patience.isTimeToLook else { continue }
            if let step = try await session.lookAside({ try await $0.step(path, of: run) }), step.state.isSettled {
                try await Surroundings.here.terminal.say(Messages.outputCut(run))
                return nil
            }
        }
    }

    private func followAttempt(_ number: Int, _ path: StepPath, _ run: RunID, _ logs: LogFollower) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for stream in OutputSource.Stream.allCases {
                let source = OutputSource(run: run, step: path, attempt: number, stream: stream)
                group.addTask { try await logs.bytes(of: source) { try await write($0, stream) } }
            }
            // The first that cannot be shown ends the other, too.
            for try await _ in group {}
        }
    }

    /// Byte for byte into files and pipes; a terminal gets nothing that could steer it.
    private func write(_ bytes: [UInt8], _ stream: OutputSource.Stream) async throws {
        let terminal = Surroundings.here.terminal
        let out =
            terminal.isInteractive
            ? Array(String(decoding: bytes, as: UTF8.self).neutralised(keeping: ["\n", "\t", "\r"]).utf8) : bytes
        try await stream == .stdout ? terminal.writeOut(out) : terminal.writeError(out)
    }

    // MARK: - Around

    private func catching(_ session: Session, _ work: () async throws -> Void) async throws {
        do {
            try await work()
        } catch let failure as TransportFailure {
            throw FlowClient.flowError(failure, at: session.client.address())
        }
    }

    private func untilInterrupted(_ run: RunID, _ work: @escaping @Sendable () async throws -> Void) async throws {
        let here = Surroundings.here
        let isInterrupted = try await withThrowingTaskGroup(of: Bool?.self) { group in
            group.addTask {
                try await work()
                return false
            }
            group.addTask {
                for await _ in here.interrupts() { return true }
                return nil
            }
            defer { group.cancelAll() }
            while let result = try await group.next() { if let result { return result } }
            return false
        }
        guard isInterrupted else { return }
        try await here.terminal.say(Messages.interrupted(run))
        throw CommandExit.interrupted
    }
}

extension FlowClient {
    func step(_ path: StepPath, of run: RunID) async throws(FlowError) -> Wire.Step {
        try await fetch(Wire.Step.self, "GET", self.path(run.text, step: path))
    }
}
