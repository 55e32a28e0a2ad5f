internal import FlowModel
internal import Synchronization

/// What one Swift step says, in the file that its worker opened for it: frames as those of the requests.
///
///     {"begun":true}                      the step was taken; without it nothing ran
///     {"log":"…"}                         a line of output, any number of times
///     {"output":…,"dropped":n}            it returned: the last frame
///     {"error":"…","timedOut":true}       it threw: the last frame; timedOut where its time was over, retryAfter with the seconds that it asks for
///
/// `dropped` counts the bytes of lines that found no place. The last frame is on the disk before the news tell of it. The worker may
/// die and come back meanwhile: all that it has to know is here. It asks for an end by making the file executable.
final class StepRecord: Sendable {
    private struct State {
        /// Where the next frame begins.
        var size = 0
        var dropped = 0
    }

    /// Tries, a second apart, to write the end of a step where the disk is full.
    private static let endTries = 600

    private let file: Descriptor
    private let news: Descriptor
    private let state = Mutex(State())

    init(_ file: Descriptor, news: Descriptor) {
        self.file = file
        self.news = news
    }

    deinit { file.close() }

    var isCancelAsked: Bool { file.isExecutable }

    func begin() -> Bool { append(["begun": true]) }

    func log(_ line: String) {
        let isKept = state.withLock { $0.size } < Limits.capturedOutputBytes && append(["log": .string(line)])
        if !isKept { state.withLock { $0.dropped += line.utf8.count + 1 } }
    }

    /// Records the end, however long the disk is full; the process ends when it stays so.
    func end(_ members: [String: JSON]) async {
        let dropped = state.withLock { $0.dropped }
        let frame: JSON = .object(dropped == 0 ? members : members.merging(["dropped": .int(dropped)]) { old, _ in old })
        let isWritten = await OwnThread.call { [self] in
            for _ in 0..<StepRecord.endTries {
                if append(frame, isLast: true) { return true }
                OwnThread.sleep(milliseconds: 1_000)
            }
            return false
        }
        if isWritten { return }
        Descriptor.standardError.write("flow host: the end of a step could not be recorded\n")
        Descriptor.exit(74)
    }

    /// Writes a frame whole or not at all.
    private func append(_ frame: JSON, isLast: Bool = false) -> Bool {
        let body = frame.canonicalBytes
        let bytes = (0..<4).map { UInt8(truncatingIfNeeded: body.count >> (24 - 8 * $0)) } + body
        let isWritten = state.withLock { state in
            guard file.write(bytes, at: state.size) && (!isLast || file.sync()) else {
                file.cut(at: state.size)
                return false
            }
            state.size += bytes.count
            return true
        }
        // A pipe that is full has news enough in it, and one that is closed has nobody to tell.
        if isWritten { news.write([1]) }
        return isWritten
    }
}
