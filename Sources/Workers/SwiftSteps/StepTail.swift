import FlowModel
import Glibc
import Synchronization

/// Reads the record of a Swift step as it grows. `StepRecord.swift` in FlowDSL has its form.
final class StepTail: Sendable {
    enum End: Hashable, Sendable {
        case output(JSON)
        case error(String, isLate: Bool, retryAfterSeconds: Double? = nil)
    }

    private struct State {
        var reader = HostFrames.Reader()
        var offset = 0
        /// Bytes of lines so far: the offset of the next in standard output.
        var logged = 0
        var hasBegun = false
        var dropped = 0
        var end: End?
    }

    private let path: String
    private let output: OutputRecorder
    private let onBegun: @Sendable () -> Void
    private let state = Mutex(State())

    /// `onBegun` is called once, when it is read that the process took the step: until then nothing of it ran.
    init(path: String, output: OutputRecorder, onBegun: @escaping @Sendable () -> Void) {
        self.path = path
        self.output = output
        self.onBegun = onBegun
    }

    /// Whether the process took the step, as far as was read.
    var hasBegun: Bool { state.withLock { $0.hasBegun } }
    /// Bytes of lines that found no place.
    var dropped: Int { state.withLock { $0.dropped } }

    /// Gives new lines to the output. The end of the step once it is there. Called by one task at a time.
    func read() async throws -> End? {
        while true {
            let (path, offset) = (path, state.withLock { $0.offset })
            let bytes = try await BlockingThreads.files.call { try StepTail.read(path, at: offset) }
            guard !bytes.isEmpty else { return state.withLock { $0.end } }
            let hadBegun = hasBegun
            let lines = try state.withLock { state in try StepTail.take(bytes, into: &state) }
            if !hadBegun, hasBegun { onBegun() }
            for (line, offset) in lines {
                try await output.take(line, of: .stdout, at: offset)
            }
        }
    }

    /// The lines that the bytes complete.
    private static func take(_ bytes: [UInt8], into state: inout State) throws -> [([UInt8], Int)] {
        state.offset += bytes.count
        state.reader.add(bytes)
        var lines: [([UInt8], Int)] = []
        while let frame = try state.reader.next() {
            if let line = frame["log"]?.stringValue {
                let bytes = Array((line + "\n").utf8)
                lines.append((bytes, state.logged))
                state.logged += bytes.count
            } else if frame["begun"] != nil {
                state.hasBegun = true
            } else if let message = frame["error"]?.stringValue {
                state.end = .error(message, isLate: frame["timedOut"] == true, retryAfterSeconds: frame["retryAfter"]?.doubleValue)
            } else if let value = frame["output"] {
                state.end = .output(value)
            }
            state.dropped = frame["dropped"]?.intValue ?? state.dropped
        }
        return lines
    }

    private static func read(_ path: String, at offset: Int) throws -> [UInt8] {
        let file = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
        guard file >= 0 else { throw CallError("\(path) could not be read") }
        defer { close(file) }
        return try [UInt8](unsafeUninitializedCapacity: WorkerLimits.chunkBytes) { buffer, count in
            var got = 0
            repeat { got = pread(file, buffer.baseAddress, buffer.count, off_t(offset)) } while got < 0 && errno == EINTR
            guard got >= 0 else { throw CallError("\(path) could not be read") }
            count = got
        }
    }
}

/// A descriptor that is closed with the last that holds it.
final class OwnedDescriptor: Sendable {
    let number: CInt
    init(_ number: CInt) { self.number = number }
    deinit { close(number) }
}
