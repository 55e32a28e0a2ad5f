internal import CFlowShims
internal import FlowModel
internal import Glibc
internal import Synchronization

/// A program that is started, watched and always ended, with everything that it started, in whatever session or process group: when it
/// ends, when its time is over, and when this process is gone, however that came.
struct ChildProcess {
    var path: String
    var arguments: [String]
    var environment: [String: String]
    var folder: String
    /// Seconds that it may take.
    var seconds: Double
    /// nil: it has the rights of this process.
    var confinement: Confinement?

    /// How it ended and what it said.
    struct End {
        var status: Int?
        var signal: Int?
        var output: [UInt8] = []
        var errors: [UInt8] = []
        /// What it wrote to descriptor 3.
        var report: [UInt8] = []
        var reason: Reason

        enum Reason { case ended, deadline, cancelled, flooded }
    }

    /// Asks running children to end.
    final class Cancellation: Sendable {
        private let flag = Atomic(false)
        func cancel() { flag.store(true, ordering: .relaxed) }
        var isCancelled: Bool { flag.load(ordering: .relaxed) }
    }

    /// Runs it to its end. Blocks; all of it dies with the calling thread.
    func run(_ cancellation: Cancellation) throws(FlowError) -> End {
        let pipes = [try Pipe(), try Pipe(), try Pipe()]
        let pid: pid_t
        do throws(FlowError) {
            pid = try spawn(pipes)
        } catch {
            for pipe in pipes { pipe.closeBoth() }
            throw error
        }
        for pipe in pipes { close(pipe.writing) }
        let ended = flow_confine_pidfd(pid)
        defer { close(ended) }
        var watch = Watch(limits: [LoadLimits.spilledBytes, LoadLimits.spilledBytes, LoadLimits.envelopeBytes])
        // A kernel before 5.3 cannot say when a process ends: the child is ended at once, and reported as cancelled.
        let reason =
            ended < 0 ? .cancelled : watch.follow(pipes, ended: ended, deadline: .now + .seconds(seconds), cancellation)
        let status = flow_confine_end(pid)
        watch.drain(pipes)
        for index in pipes.indices { pipes[index].closeReading() }
        return End(
            status: status & 0x7F == 0 ? Int(status >> 8 & 0xFF) : nil, signal: status & 0x7F == 0 ? nil : Int(status & 0x7F),
            output: watch.kept[0], errors: watch.kept[1], report: watch.kept[2], reason: reason)
    }

    private func spawn(_ pipes: [Pipe]) throws(FlowError) -> pid_t {
        let argv = CStrings([path] + arguments)
        let envp = CStrings(environment.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" })
        let texts = CStrings([path, folder])
        let readable = CStrings(confinement?.readable ?? [])
        var child = flow_confined()
        child.path = UnsafePointer(texts.pointers[0])
        child.folder = UnsafePointer(texts.pointers[1])
        child.out = pipes[0].writing
        child.err = pipes[1].writing
        child.report = pipes[2].writing
        child.confined = confinement == nil ? 0 : 1
        child.memory_bytes = confinement?.memoryBytes ?? 0
        child.cpu_seconds = confinement.map { _ in UInt64(seconds.rounded(.up)) + 1 } ?? 0
        child.file_bytes = confinement?.fileBytes ?? 0
        var pid: pid_t = 0
        var stage: UnsafePointer<CChar>?
        let error = argv.pointers.withUnsafeBufferPointer { argv in
            envp.pointers.withUnsafeBufferPointer { envp in
                readable.constant.withUnsafeBufferPointer { readable in
                    child.argv = argv.baseAddress
                    child.envp = envp.baseAddress
                    child.readable = readable.baseAddress
                    return flow_confine_spawn(&child, &pid, &stage)
                }
            }
        }
        // Their last use above is that of their pointers: without this the texts may be freed before the child has them.
        withExtendedLifetime((argv, envp, texts, readable)) {}
        guard error == 0 else {
            let what = stage.map { String(cString: $0) } ?? "starting it"
            throw FlowError(
                .load, subject: path, "'\(path)' was not started: \(what) failed: \(String(cString: strerror(error)))")
        }
        return pid
    }
}

/// Reads what a child writes, up to a limit for each stream.
private struct Watch {
    var kept: [[UInt8]] = [[], [], []]
    private var seen = [0, 0, 0]
    private var isOpen = [true, true, true]
    private let limits: [Int]
    private var buffer = [UInt8](repeating: 0, count: 64 << 10)

    init(limits: [Int]) { self.limits = limits }

    /// Returns when the process has ended, or why it shall.
    mutating func follow(
        _ pipes: [Pipe], ended: Int32, deadline: ContinuousClock.Instant, _ cancellation: ChildProcess.Cancellation
    ) -> ChildProcess.End.Reason {
        while true {
            if cancellation.isCancelled { return .cancelled }
            let left = ContinuousClock.now.duration(to: deadline)
            guard left > .zero else { return .deadline }
            var waits = pipes.indices.map { pollfd(fd: isOpen[$0] ? pipes[$0].reading : -1, events: Int16(POLLIN), revents: 0) }
            waits.append(pollfd(fd: ended, events: Int16(POLLIN), revents: 0))
            // Woken at least ten times a second, to see a cancellation.
            let pause = Int32(min(100, left / .milliseconds(1) + 1))
            guard poll(&waits, nfds_t(waits.count), pause) > 0 else { continue }
            for index in pipes.indices where waits[index].revents != 0 { take(index, pipes[index]) }
            for index in pipes.indices where seen[index] > limits[index] { return .flooded }
            if waits[3].revents != 0 { return .ended }
        }
    }

    /// Takes what is left. Does not wait for streams that somebody else holds open.
    mutating func drain(_ pipes: [Pipe]) {
        for index in pipes.indices {
            while isOpen[index], seen[index] <= limits[index] {
                let before = seen[index]
                take(index, pipes[index])
                if seen[index] == before { break }
            }
        }
    }

    private mutating func take(_ index: Int, _ pipe: Pipe) {
        let got = buffer.withUnsafeMutableBytes { read(pipe.reading, $0.baseAddress, $0.count) }
        if got < 0 { return }
        if got == 0 { isOpen[index] = false }
        seen[index] += got
        let room = (index == 2 ? LoadLimits.envelopeBytes : LoadLimits.outputBytes) - kept[index].count
        if room > 0 { kept[index] += buffer.prefix(min(got, room)) }
    }
}

/// A pipe whose reading end does not block.
private struct Pipe {
    let reading: Int32
    let writing: Int32

    init() throws(FlowError) {
        var ends: [Int32] = [-1, -1]
        guard flow_confine_pipe(&ends) == 0 else { throw Files.failure("open", "a pipe") }
        reading = ends[0]
        writing = ends[1]
        _ = fcntl(reading, F_SETFL, O_NONBLOCK)
    }

    func closeBoth() {
        close(reading)
        close(writing)
    }

    func closeReading() { close(reading) }
}

/// Strings in the form that C wants a list of them in; they live as long as this does.
private final class CStrings {
    let pointers: [UnsafeMutablePointer<CChar>?]

    init(_ strings: [String]) { pointers = strings.map { strdup($0) } + [nil] }

    var constant: [UnsafePointer<CChar>?] { pointers.map { UnsafePointer($0) } }

    deinit { for pointer in pointers { free(pointer) } }
}
