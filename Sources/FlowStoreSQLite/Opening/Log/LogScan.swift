internal import Glibc

/// The write-ahead log as it lies on the disk: what SQLite will take of it at the next start, and what lies behind the place
/// where it will stop.
///
/// SQLite takes frames as long as each one's checksum follows from the one before it, and keeps silent about the rest: for SQLite the
/// rest is a commit that was not finished, or left over from before the log began anew.
struct LogScan {
    struct Frame {
        /// The page of the database that it holds.
        let page: Int
        /// The pages of the database after the commit that ends here; 0 when none does.
        let pages: Int
        /// Its checksum is right, going on from what the frame before it says of itself.
        let follows: Bool
        /// It was written since the log began anew.
        fileprivate(set) var isOfThisLog = false
        /// Its page is as it was written: its own checksum says so, or the next frame's, which goes on from it.
        fileprivate(set) var isReadable = false
        fileprivate let salts: UInt64
        /// What it says of itself, and what it would say, going on from the frame before it.
        fileprivate let stored: Checksum
        fileprivate let computed: Checksum
        /// It follows, but not from what the frame before it says of itself: that frame's checksum was changed, its page was not.
        fileprivate let showsFrameBefore: Bool

        var isCommit: Bool { pages > 0 }
    }

    static let headerBytes = 32
    static let frameHeaderBytes = 24
    /// Frames that are read at once.
    private static let piece = 256

    let path: String
    let pageSize: Int
    /// The file begins as a log does.
    let isHeaderSound: Bool
    /// What tells this log from those before it; those of its first frames when the header cannot say.
    private(set) var salts: UInt64 = 0
    /// All that there are, whole ones.
    private(set) var frames: [Frame] = []
    /// The first frame that is known to be of this log when the header cannot say so.
    private(set) var first = 0
    /// Frames from the beginning that are sound, one after the other.
    private(set) var sound = 0
    /// Frames up to the last commit among the sound ones: those that SQLite takes.
    private(set) var taken = 0

    /// - Parameter pageSize: the database's, for a log that cannot say.
    init(path: String, pageSize: Int) throws(FileFault) {
        self.path = path
        let file = try Files.Descriptor(opening: path, O_RDONLY)
        let head = try file.read(LogScan.headerBytes)
        let header = Header(head)
        isHeaderSound = header.isSound
        self.pageSize = header.isSound ? header.pageSize : pageSize
        let frameBytes = LogScan.frameHeaderBytes + self.pageSize
        var frames: [Frame] = []
        // Where something was changed, one of two may still say where the next frame goes on from.
        var before = [header.stored, header.computed]
        while head.count == LogScan.headerBytes {
            let bytes = try file.read(LogScan.piece * frameBytes)
            bytes.withUnsafeBytes { bytes in
                for start in stride(from: 0, through: bytes.count - frameBytes, by: frameBytes) {
                    let part = UnsafeRawBufferPointer(rebasing: bytes[start..<start + frameBytes])
                    let frame = LogScan.frame(part, after: before, header.isBigEndian)
                    frames.append(frame)
                    before = frame.follows ? [frame.stored] : [frame.stored, frame.computed]
                }
            }
            if bytes.count < LogScan.piece * frameBytes { break }
        }
        // The header's, or those of the first two frames of which one goes on from the other.
        self.frames = frames
        let pair = frames.indices.dropLast().first { frames[$0 + 1].follows && frames[$0 + 1].salts == frames[$0].salts }
        first = header.isSound || frames.first?.follows == true ? 0 : pair ?? frames.count
        salts = header.isSound || first == frames.count ? header.salts : frames[first].salts
        judge()
    }

    private mutating func judge() {
        for index in frames.indices { frames[index].isOfThisLog = frames[index].salts == salts }
        for index in frames.indices {
            let next = index + 1 < frames.count && frames[index + 1].isOfThisLog ? frames[index + 1] : nil
            let isShownByNext = next.map { $0.follows && (frames[index].follows || $0.showsFrameBefore) } ?? false
            frames[index].isReadable = frames[index].isOfThisLog && frames[index].follows || isShownByNext
        }
        sound = isHeaderSound ? frames.firstIndex { !$0.isOfThisLog || !$0.follows } ?? frames.count : 0
        taken = frames[..<sound].lastIndex(where: \.isCommit).map { $0 + 1 } ?? 0
    }

    private static func frame(_ bytes: UnsafeRawBufferPointer, after before: [Checksum], _ isBigEndian: Bool) -> Frame {
        func word(_ offset: Int) -> UInt32 { UInt32(bigEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt32.self)) }
        let stored = Checksum(word(16), word(20))
        let sums = before.map { start in
            var sum = start
            sum.add(UnsafeRawBufferPointer(rebasing: bytes[..<8]), isBigEndian)
            sum.add(UnsafeRawBufferPointer(rebasing: bytes[frameHeaderBytes...]), isBigEndian)
            return sum
        }
        return Frame(
            page: Int(word(0)), pages: Int(word(4)), follows: word(0) != 0 && sums.contains(stored),
            salts: UInt64(word(8)) << 32 | UInt64(word(12)), stored: stored, computed: sums[0],
            showsFrameBefore: sums[0] != stored && sums.dropFirst().contains(stored))
    }

    /// Where the frame's page is in the file.
    func offset(of frame: Int) -> Int { LogScan.headerBytes + frame * (LogScan.frameHeaderBytes + pageSize) + LogScan.frameHeaderBytes }

    /// A commit behind the place where SQLite stops, after which others were written: commits are synced one after the other, so what lies
    /// before it had been durable, and was changed since. nil proves nothing.
    ///
    /// Two commits must lie behind that place, and a frame after them. One is not enough: where a log is empty GRDB makes and drops a table while
    /// it opens, before `synchronous` is FULL, so a log begins with a commit that is synced together with the next one, and after a power
    /// cut any part of both may be missing. A false refusal is worse than an untold loss of the newest commit.
    /// Not proof either: frames with other salts, and the last frame of a commit once more, with which SQLite fills up a sector.
    var commitBehindDamage: Int? {
        guard isHeaderSound else { return nil }
        let commits = frames.indices.dropLast().filter { index in
            let (frame, next) = (frames[index], frames[index + 1])
            let isFilling = next.isCommit && next.page == frame.page && next.pages == frame.pages
            return index >= sound && frame.isOfThisLog && frame.isCommit && next.isOfThisLog && next.follows && !isFilling
        }
        return commits.count > 1 ? commits[0] : nil
    }
}

/// SQLite's checksum of a log: two words that go on from one frame to the next.
struct Checksum: Equatable {
    private var first: UInt32
    private var second: UInt32

    init(_ first: UInt32 = 0, _ second: UInt32 = 0) {
        self.first = first
        self.second = second
    }

    /// - Parameter bytes: a multiple of eight.
    mutating func add(_ bytes: UnsafeRawBufferPointer, _ isBigEndian: Bool) {
        var (a, b) = (first, second)
        for offset in stride(from: 0, to: bytes.count - 7, by: 8) {
            let x = bytes.loadUnaligned(fromByteOffset: offset, as: UInt32.self)
            let y = bytes.loadUnaligned(fromByteOffset: offset + 4, as: UInt32.self)
            a = a &+ (isBigEndian ? UInt32(bigEndian: x) : UInt32(littleEndian: x)) &+ b
            b = b &+ (isBigEndian ? UInt32(bigEndian: y) : UInt32(littleEndian: y)) &+ a
        }
        (first, second) = (a, b)
    }
}

/// The first bytes of a log.
private struct Header {
    private static let magic: UInt32 = 0x377F_0682
    private static let version: UInt32 = 3_007_000

    let isSound: Bool
    let isBigEndian: Bool
    let pageSize: Int
    let salts: UInt64
    let stored: Checksum
    let computed: Checksum

    init(_ bytes: [UInt8]) {
        let bytes = bytes + [UInt8](repeating: 0, count: LogScan.headerBytes - bytes.count)
        func word(_ offset: Int) -> UInt32 { bytes[offset..<offset + 4].reduce(0) { $0 << 8 | UInt32($1) } }
        let magic = word(0)
        isBigEndian = magic == Header.magic | 1
        pageSize = Int(word(8))
        salts = UInt64(word(16)) << 32 | UInt64(word(20))
        stored = Checksum(word(24), word(28))
        var sum = Checksum()
        let big = isBigEndian
        bytes.withUnsafeBytes { sum.add(UnsafeRawBufferPointer(rebasing: $0[..<24]), big) }
        computed = sum
        let isSize = pageSize >= 512 && pageSize <= 65_536 && pageSize & (pageSize - 1) == 0
        isSound = (magic | 1) == Header.magic | 1 && word(4) == Header.version && isSize && sum == stored
    }
}
