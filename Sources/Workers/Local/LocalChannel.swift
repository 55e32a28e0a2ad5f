import Glibc
import Synchronization

/// A command on this machine.
///
/// Its output ends with its exit: what it left running may hold the pipes open and is not waited for.
final class LocalChannel: TransportChannel {
    private struct State {
        var readsErrorsFirst = false
        var isOver = false
    }

    private let child: ChildProcess
    private let input: PipeEnd
    private let output: PipeEnd
    private let errors: PipeEnd
    /// Signalled by both output pipes and by the exit.
    private let news: Wakeup
    private let state = Mutex(State())

    private init(child: ChildProcess, input: PipeEnd, output: PipeEnd, errors: PipeEnd, news: Wakeup) {
        self.child = child
        self.input = input
        self.output = output
        self.errors = errors
        self.news = news
    }

    static func open(
        _ command: String, environment: [String: String], start: ConfinedStart, extent: Launch.Extent
    ) async throws -> LocalChannel {
        guard !command.utf8.contains(0) else { throw CallError("the command was not started: it contains a NUL byte", EINVAL) }
        let news = Wakeup()
        var theirs: [CInt] = []
        defer { for descriptor in theirs { Glibc.close(descriptor) } }
        func pipe(childReads: Bool, _ wakeup: Wakeup) throws -> PipeEnd {
            let (child, end) = try PipeEnd.make(childReads: childReads, wakeup: wakeup)
            theirs.append(child)
            return end
        }
        let input = try pipe(childReads: true, Wakeup())
        let output = try pipe(childReads: false, news)
        let errors = try pipe(childReads: false, news)
        let child = try await start(
            Launch(
                program: .path("/bin/sh"), arguments: ["/bin/sh", "-c", command], environment: environment, descriptors: theirs, extent: extent))
        child.whenEnded { _ in news.signal() }
        return LocalChannel(child: child, input: input, output: output, errors: errors, news: news)
    }

    func write(_ bytes: [UInt8]) async throws {
        do {
            try await input.write(bytes)
        } catch let error as CallError {
            throw TransportError(.stream, "\(error)", mayHaveRun: true)
        }
    }

    func finishInput() async throws { input.close() }

    func next() async throws -> TransportEvent? {
        while true {
            if let event = try event() { return event }
            if state.withLock({ $0.isOver }) { return nil }
            try await news.wait()
        }
    }

    private func event() throws -> TransportEvent? {
        guard !state.withLock({ $0.isOver }) else { return nil }
        // Looked at before the pipes: what it wrote before it ended is in them by then.
        let end = child.endIfKnown
        // By turns, so that a flood on one stream does not hold the other one up.
        let errorsFirst = state.withLock { state in
            state.readsErrorsFirst.toggle()
            return state.readsErrorsFirst
        }
        do {
            for isError in [errorsFirst, !errorsFirst] {
                guard case .bytes(let bytes) = try (isError ? errors : output).take() else { continue }
                return isError ? .stderr(bytes) : .stdout(bytes)
            }
        } catch {
            throw TransportError(.stream, "\(error)", mayHaveRun: true)
        }
        guard let end else { return nil }
        state.withLock { $0.isOver = true }
        switch end {
        case .exited(let status): return .exited(status: status, signal: nil)
        case .signalled(let number): return .exited(status: nil, signal: number)
        }
    }

    func close() {
        state.withLock { $0.isOver = true }
        input.close()
        output.close()
        errors.close()
    }
}
