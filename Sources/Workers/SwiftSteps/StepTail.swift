import CFlowShims
import FlowModel
import FlowThreads
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
    ///
    /// Read from the beginning of a frame each time: one that is not whole may be taken back, on a full disk, and written anew.
    func read() async throws -> End? {
        var wanted = WorkerLimits.chunkBytes
        while true {
            let (path, offset, count) = (path, state.withLock { $0.offset }, wanted)
            let (bytes, size) = try await BlockingThreads.files.call { try StepTail.read(path, at: offset, count: count) }
            guard size >= offset else { throw CallError("it was made shorter than what was read of it, by the step itself", EPROTO) }
            let hadBegun = hasBegun
            let lines = try state.withLock { state in try StepTail.take(bytes, into: &state) }
            if !hadBegun, hasBegun { onBegun() }
            for (line, offset) in lines {
                try await output.take(line, of: .stdout, at: offset)
            }
            guard state.withLock({ $0.offset }) == offset else {
                wanted = WorkerLimits.chunkBytes
                continue
            }
            // Not a whole frame: it is longer than what was read, or not written to its end.
            guard bytes.count == count else { return state.withLock { $0.end } }
            wanted = WorkerLimits.hostFrameBytes + 4
        }
    }

    /// The lines that the bytes complete.
    private static func take(_ bytes: [UInt8], into state: inout State) throws -> [([UInt8], Int)] {
        state.offset += bytes.count
        state.reader = HostFrames.Reader()
        state.reader.add(bytes)
        defer { state.offset -= state.reader.rest }
        var lines: [([UInt8], Int)] = []
        while let message = try state.reader.next() {
            let frame = message.json
            if let line = frame["log"]?.stringValue {
                let bytes = Array((frame["more"] == true ? line : line + "\n").utf8)
                lines.append((bytes, state.logged))
                state.logged += bytes.count
            } else if frame["begun"] != nil {
                state.hasBegun = true
            } else if let message = frame["error"]?.stringValue {
                state.end = .error(message, isLate: frame["timedOut"] == true, retryAfterSeconds: frame["retryAfter"]?.doubleValue)
            } else if let value = frame["output"] {
                // Flows that were compiled before this was looked at there.
                state.end = message.heldNUL ? .error(StepTail.holdsNUL, isLate: false) : .output(value)
            }
            // The process is the author's, and may say anything.
            state.dropped = frame["dropped"]?.intValue.map { min(max(0, $0), 1 << 60) } ?? state.dropped
        }
        return lines
    }

    private static let holdsNUL = "it returned a text with NUL, which no value may hold; base64 makes bytes a text"

    /// Up to so many bytes, and the size of all.
    private static func read(_ path: String, at offset: Int, count wanted: Int) throws -> ([UInt8], size: Int) {
        var other: UnsafePointer<CChar>?
        let file = flow_open_plain(path, O_RDONLY | O_NOFOLLOW, 0, &other)
        guard file >= 0 else { throw CallError("\(path) could not be read", other) }
        defer { close(file) }
        var status = stat()
        guard fstat(file, &status) == 0 else { throw CallError("\(path) could not be read") }
        let bytes = try [UInt8](unsafeUninitializedCapacity: wanted) { buffer, count in
            var got = 0
            repeat { got = pread(file, buffer.baseAddress, buffer.count, off_t(offset)) } while got < 0 && errno == EINTR
            guard got >= 0 else { throw CallError("\(path) could not be read") }
            count = got
        }
        return (bytes, Int(status.st_size))
    }
}

/// A descriptor that is closed with the last that holds it.
final class OwnedDescriptor: Sendable {
    let number: CInt
    init(_ number: CInt) { self.number = number }
    deinit { close(number) }
}
