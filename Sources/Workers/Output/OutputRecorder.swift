import FlowModel
import Synchronization

/// Takes the output of one attempt to its files.
///
/// A full disk does not end the attempt: what cannot be kept is counted as dropped, and the reason is kept.
final class OutputRecorder: OutputSink {
    private struct State: Sendable {
        var files: [HostStream: OutputFile] = [:]
        var fault: String?
    }

    private let store: OutputStore
    private let id: AttemptID
    private let cap: Int
    private let patterns: SecretPatterns
    private let state = Mutex(State())

    init(store: OutputStore, id: AttemptID, cap: Int, patterns: SecretPatterns) {
        self.store = store
        self.id = id
        self.cap = cap
        self.patterns = patterns
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

    func take(_ bytes: [UInt8], of stream: HostStream, at offset: Int) async throws {
        try await BlockingThreads.files.call { [self] in
            try state.withLock { state in
                do {
                    try state.files[stream, default: file(stream)].append(bytes, at: offset)
                } catch let error as CallError where !error.isProtocol {
                    state.fault = state.fault ?? "\(error)"
                }
            }
        }
    }

    /// Takes what comes next in a stream that is not on a host. Never fails: what cannot be kept is counted.
    func append(_ bytes: [UInt8], to stream: HostStream) async {
        await BlockingThreads.files.call { [self] in
            state.withLock { state in
                // Two may append at once: where the stream ends is known under the lock only.
                var file = state.files[stream] ?? file(stream)
                do {
                    try file.append(bytes, at: file.taken)
                } catch {
                    state.fault = state.fault ?? "\(error)"
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
        /// Why some of it could not be kept.
        var fault: String?
    }

    /// Waits until what came is on the disk. Nothing is taken after it.
    func finish() async -> Summary {
        var summary = await BlockingThreads.files.call { [self] in
            state.withLock { state in
                var summary = Summary(bytes: 0, isTruncated: false, stdout: [])
                for stream in HostStream.allCases {
                    var file = state.files[stream] ?? file(stream)
                    do {
                        try file.finish()
                    } catch {
                        state.fault = state.fault ?? "\(error)"
                    }
                    summary.bytes += file.taken
                    summary.isTruncated = summary.isTruncated || file.dropped > 0
                    state.files[stream] = file
                }
                summary.fault = state.fault
                return summary
            }
        }
        do {
            summary.stdout = try await store.read(
                id.run, id.step, attempt: id.number, stream: .stdout, offset: 0, limit: Limits.stdoutValueBytes + 1)
            summary.lastLine = try await store.lastLine(id.run, id.step, attempt: id.number)
        } catch {
            summary.fault = summary.fault ?? "\(error)"
        }
        return summary
    }

    private func file(_ stream: HostStream) -> OutputFile {
        OutputFile(path: store.path(id.run, id.step, id.number, stream), cap: cap, patterns: patterns)
    }
}
