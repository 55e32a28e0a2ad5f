import FlowModel
import FlowThreads
import Synchronization

/// Takes the output of one attempt to its files.
///
/// A full disk loses nothing that a host keeps: what comes is not taken before it can be kept, and the host is read on when there is room. Where
/// the disk fails otherwise, what cannot be kept is counted as dropped, and the reason is kept.
final class OutputRecorder: OutputSink {
    private struct State: Sendable {
        var files: [HostStream: OutputFile] = [:]
        var faults: [HostStream: String] = [:]
    }

    private let store: OutputStore
    private let id: AttemptID
    private let cap: Int
    private let patterns: SecretPatterns
    private let room: RoomWait
    private let state = Mutex(State())

    /// `warn` is told that it waits for room, and why; then that it does no more.
    init(
        store: OutputStore, id: AttemptID, cap: Int, patterns: SecretPatterns, warn: @escaping @Sendable (String?) -> Void
    ) {
        self.store = store
        self.id = id
        self.cap = cap
        self.patterns = patterns
        room = RoomWait(warn: warn)
    }

    deinit {
        state.withLock { state in
            for stream in state.files.keys { state.files[stream]?.close() }
        }
    }

    func taken(_ stream: HostStream) async -> Int {
        await BlockingThreads.files.call { [self] in
            state.withLock { $0.files[stream, default: file(stream)].taken }
        }
    }

    /// Returns when the bytes are kept, or given up for another reason than want of room.
    func take(_ bytes: [UInt8], of stream: HostStream, at offset: Int) async throws {
        try await keep(stream) { try $0.append(bytes, at: offset) }
    }

    /// Takes what comes next in a stream that is not on a host. Never waits and never fails: what cannot be kept is counted.
    func append(_ bytes: [UInt8], to stream: HostStream) async {
        await BlockingThreads.files.call { [self] in
            state.withLock { state in
                // Two may append at once: where the stream ends is known under the lock only.
                var file = state.files[stream] ?? file(stream)
                do {
                    try file.append(bytes, at: file.taken)
                } catch {
                    file.giveUp(forGood: !((error as? CallError)?.isShortage ?? false))
                    state.faults[stream] = state.faults[stream] ?? "\(error)"
                }
                state.files[stream] = file
            }
        }
    }

    /// What is known of the output once it is on the disk.
    struct Summary: Sendable {
        /// Bytes that came, kept or not.
        var bytes: Int
        var isTruncated: Bool
        /// The beginning of standard output, one byte more than a step hands on at most.
        var stdout: [UInt8]
        var lastLine: String?
        /// Why some of it could not be kept, or read again, by stream.
        var faults: [HostStream: String] = [:]
    }

    /// Waits until what came is on the disk. Nothing is taken after it. Not for an attempt that goes on without this engine: what is held back would
    /// be masked for good, and the rest of a secret come in clear.
    ///
    /// `end`: what its host says of its end; nil when nobody knows that. A stream of which more was written than came was cut.
    func finish(_ end: HostEnd?) async -> Summary {
        var summary = Summary(bytes: 0, isTruncated: false, stdout: [])
        for stream in HostStream.allCases {
            do {
                try await keep(stream) { try $0.finish(isCut: end?.isCut(stream, after: $0.taken) ?? true) }
            } catch {
                // The engine goes away; nobody hears of this end.
                note("\(error)", stream)
            }
        }
        do {
            (summary.stdout, summary.lastLine) = try await room { [self] in
                let bytes = try await store.read(
                    id.run, id.step, attempt: id.number, stream: .stdout, offset: 0, limit: Limits.stdoutValueBytes + 1)
                return (bytes, try await store.lastLine(id.run, id.step, attempt: id.number))
            }
        } catch {
            note("\(error)", .stdout)
        }
        state.withLock { state in
            for file in state.files.values {
                summary.bytes += file.taken
                summary.isTruncated = summary.isTruncated || file.dropped > 0
            }
            summary.faults = state.faults
        }
        return summary
    }

    // MARK: - Want of room

    /// Calls `body` until there is room for what it keeps.
    private func keep(_ stream: HostStream, _ body: @escaping @Sendable (inout OutputFile) throws -> Void) async throws {
        do {
            try await room { [self] in
                try await BlockingThreads.files.call { [self] in
                    try state.withLock { state in
                        var file = state.files[stream] ?? file(stream)
                        defer { state.files[stream] = file }
                        try body(&file)
                    }
                }
            }
        } catch let error as CallError where !error.isProtocol {
            state.withLock { $0.files[stream]?.giveUp(forGood: true) }
            note("\(error)", stream)
        }
    }

    private func note(_ fault: String, _ stream: HostStream) {
        state.withLock { $0.faults[stream] = $0.faults[stream] ?? fault }
    }

    private func file(_ stream: HostStream) -> OutputFile {
        OutputFile(path: store.path(id.run, id.step, id.number, stream), cap: cap, patterns: patterns)
    }
}

extension HostEnd {
    /// Whether more of the stream was to come after its first `taken` bytes: its host could not keep it, or it was ended while it wrote.
    func isCut(_ stream: HostStream, after taken: Int) -> Bool {
        cause != .exited || (stream == .stdout ? stdoutBytes : stderrBytes) > taken
    }
}
