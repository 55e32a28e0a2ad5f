internal import FlowModel
internal import Synchronization

/// What one Swift step says, in the file that its worker opened for it: frames as those of the requests.
///
///     {"begun":true}                      the step was taken; without it nothing ran
///     {"log":"…","more":true}             a line of output, any number of times; more: it goes on in the next frame
///     {"output":…,"dropped":n}            it returned: the last frame
///     {"error":"…","timedOut":true}       it threw: the last frame; timedOut where its time was over, retryAfter with the seconds that it asks for
///
/// Behind the last frame there is nothing. `dropped` counts the bytes of lines that found no place. The last frame is on the disk before
/// the news tell of it. The worker may die and come back meanwhile: all that it has to know is here. It asks for an end by making the file executable.
final class StepRecord: Sendable {
    private struct State {
        /// Where the next frame begins.
        var size = 0
        var dropped = 0
    }

    /// Bytes of a piece of a long line.
    private static let pieceBytes = 16 << 10
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

    func begin() -> Bool { append([["begun": true]]) }

    /// Records a line of output: all of it or nothing, but for the line that fills the record.
    func log(_ line: String) {
        let room = Limits.capturedOutputBytes - state.withLock { $0.size }
        let (frames, kept) = StepRecord.frames(of: line, upTo: max(0, room))
        let isKept = append(frames)
        let dropped = line.utf8.count - (isKept ? kept : 0)
        if !isKept || dropped > 0 { state.withLock { $0.dropped += dropped + 1 } }
    }

    /// The line's frames, and how many of its bytes are in them. One that is cut has no end.
    private static func frames(of line: String, upTo most: Int) -> ([JSON], bytes: Int) {
        guard most > 0 else { return ([], 0) }
        var frames: [JSON] = []
        var (start, bytes) = (line.startIndex, 0)
        while true {
            var end = line.utf8.index(start, offsetBy: min(pieceBytes, most - bytes), limitedBy: line.endIndex) ?? line.endIndex
            // Characters stay whole.
            while end.samePosition(in: line.unicodeScalars) == nil { end = line.utf8.index(before: end) }
            let piece = line[start..<end]
            bytes += piece.utf8.count
            if piece.endIndex == line.endIndex { return (frames + [["log": .string(String(piece))]], bytes) }
            // Not even one character fits.
            if piece.isEmpty { return (frames, bytes) }
            frames.append(["log": .string(String(piece)), "more": true])
            start = piece.endIndex
        }
    }

    /// Records the end, after all that was printed before it, however long the disk is full; the process ends when it stays so.
    func end(_ members: [String: JSON]) async {
        let dropped = state.withLock { $0.dropped }
        let frame: JSON = .object(dropped == 0 ? members : members.merging(["dropped": .int(dropped)]) { old, _ in old })
        let isWritten = await OwnThread.call { [self] in
            Descriptor.flushPrinted()
            for _ in 0..<StepRecord.endTries {
                if append([frame], isLast: true) { return true }
                OwnThread.sleep(milliseconds: 1_000)
            }
            return false
        }
        if isWritten { return }
        Descriptor.standardError.write("flow host: the end of a step could not be recorded\n")
        Descriptor.exit(74)
    }

    /// Writes frames whole or not at all. False when there are none.
    private func append(_ frames: [JSON], isLast: Bool = false) -> Bool {
        if frames.isEmpty { return false }
        let bytes = frames.flatMap { frame in
            let body = frame.canonicalBytes
            return (0..<4).map { UInt8(truncatingIfNeeded: body.count >> (24 - 8 * $0)) } + body
        }
        let isWritten = state.withLock { state in
            let isWhole = file.write(bytes, at: state.size)
            // What the step itself wrote behind it is no part of the record: who has read it sees that it was cut off.
            if isWhole, isLast { file.cut(at: state.size + bytes.count) }
            guard isWhole && (!isLast || file.sync()) else {
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
