internal import Glibc

/// What the engine before this one knew of its log, as the shared memory file `journal.db-shm` still says it.
///
/// SQLite writes there how far the log goes, after each commit's sync. A killed engine leaves the file as it was, at no cost to any
/// commit; after a power cut it may be older, or nothing. What it says is never more than what was durable.
struct LogMemory {
    /// Which log it is about.
    let salts: UInt64
    /// Frames up to the last commit.
    let frames: Int
    /// Of these, frames whose pages are in the database and durable there.
    let copied: Int

    private let path: String

    /// nil when there is none, or it is not whole.
    init?(path: String) {
        guard let file = try? Files.Descriptor(opening: path, O_RDONLY), let bytes = try? file.read(136), bytes.count == 136 else { return nil }
        // Two copies, the second one written first.
        guard let found = [48, 0].lazy.compactMap({ LogMemory.header(bytes, at: $0) }).first else { return nil }
        (salts, frames) = found
        self.path = path
        copied = min(frames, Int(LogMemory.word(bytes, 96)))
    }

    /// The pages of its frames, by the index of the frame.
    func pages() throws(FileFault) -> [Int] {
        let (block, first, others) = (32_768, 4_062, 4_096)
        let bytes = try Files.Descriptor(opening: path, O_RDONLY).read(block * (1 + (max(0, frames - first) + others - 1) / others))
        var pages: [Int] = []
        for frame in 0..<frames {
            let later = frame - first
            let offset = later < 0 ? 136 + 4 * frame : block * (1 + later / others) + 4 * (later % others)
            guard offset + 4 <= bytes.count else { break }
            pages.append(Int(LogMemory.word(bytes, offset)))
        }
        return pages
    }

    private static func word(_ bytes: [UInt8], _ offset: Int) -> UInt32 {
        bytes.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: offset, as: UInt32.self) }
    }

    /// `WalIndexHdr` of SQLite's file format, in the machine's own byte order.
    private static func header(_ bytes: [UInt8], at start: Int) -> (salts: UInt64, frames: Int)? {
        guard word(bytes, start) == 3_007_000, bytes[start + 12] == 1 else { return nil }
        var sum = Checksum()
        bytes.withUnsafeBytes { sum.add(UnsafeRawBufferPointer(rebasing: $0[start..<start + 40]), UInt32(1).bigEndian == 1) }
        guard sum == Checksum(word(bytes, start + 40), word(bytes, start + 44)) else { return nil }
        // The salts are as in the log.
        let salts = UInt64(word(bytes, start + 32).bigEndian) << 32 | UInt64(word(bytes, start + 36).bigEndian)
        return (salts, Int(word(bytes, start + 16)))
    }
}
