/// The body of a request, as libcurl takes it. Lives on the loop's thread.
struct Upload {
    /// Bytes of a file that are read at once.
    static let pieceBytes = 1 << 20

    enum Taken {
        case bytes(Int)
        /// A piece of the file must be read first.
        case needs(OpenFile, offset: Int, count: Int)
    }

    let bytes: Int
    private let file: OpenFile?
    private var piece: [UInt8]
    /// Where `piece` begins in the body, and how much of it was taken.
    private var pieceOffset = 0
    private var taken = 0

    init(_ whole: [UInt8]) {
        (file, piece, bytes) = (nil, whole, whole.count)
    }

    init(_ file: OpenFile) {
        self.file = file
        (piece, bytes) = ([], file.bytes)
    }

    /// The place that libcurl is at.
    private var offset: Int { pieceOffset + taken }

    /// Copies what comes next; no bytes: that was all.
    mutating func take(_ buffer: UnsafeMutableRawBufferPointer) -> Taken {
        let count = min(buffer.count, piece.count - taken)
        if count > 0 {
            piece.withUnsafeBytes { buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: $0[taken..<taken + count])) }
            taken += count
            return .bytes(count)
        }
        guard let file, offset < bytes else { return .bytes(0) }
        return .needs(file, offset: offset, count: min(Self.pieceBytes, bytes - offset))
    }

    /// A piece that was read; one that libcurl has gone away from meanwhile is left.
    mutating func give(_ read: [UInt8], at place: Int) {
        guard place == offset else { return }
        (piece, pieceOffset, taken) = (read, place, 0)
    }

    /// Begins anew at `place`: libcurl sends the body a second time.
    mutating func seek(to place: Int) {
        if file == nil { taken = place } else { (piece, pieceOffset, taken) = ([], place, 0) }
    }
}
