import Glibc

/// One stream of one attempt on its way to its file: masked, bounded, appended. Used on one thread at a time.
struct OutputFile: Sendable {
    private let path: String
    private let cap: Int
    private var redactor: Redactor
    private var file: CInt = -1
    /// Masked bytes that the disk had no room for yet.
    private var unwritten: [UInt8] = []
    /// Nothing more is kept: bytes behind a hole would stand at wrong offsets.
    private var isGivenUp = false
    /// Bytes in the file.
    private var size: Int
    /// The offset on the host of the next byte that is wanted.
    private(set) var taken: Int

    /// Continues the file of an attempt that was followed before.
    init(path: String, cap: Int, patterns: SecretPatterns) {
        self.path = path
        self.cap = cap
        redactor = Redactor(patterns)
        var status = stat()
        size = lstat(path, &status) == 0 ? Int(status.st_size) : 0
        taken = size
    }

    /// Bytes that came and were not kept.
    var dropped: Int { max(0, taken - size - waiting) }

    /// Bytes that are here and not in the file.
    private var waiting: Int { unwritten.count + redactor.heldBytes }

    /// Where it throws for want of room, what was taken is kept here: the same call again goes on with that.
    mutating func append(_ bytes: [UInt8], at offset: Int) throws {
        // Sent again after a reconnection.
        let known = max(0, taken - offset)
        guard offset <= taken else {
            throw CallError("the host left out output from byte \(taken) to \(offset)", EPROTO)
        }
        guard known < bytes.count else { return try flush() }
        let fresh = Array(bytes.dropFirst(known))
        let room = isGivenUp ? 0 : max(0, cap - size - waiting)
        taken += fresh.count
        guard room > 0 else { return }
        let kept = room < fresh.count ? Array(fresh.prefix(room)) : fresh
        unwritten += redactor.take(kept)
        if kept.count == room { unwritten += redactor.finish(isCut: true) }
        try flush()
    }

    /// Writes what was held back and waits until all of it is on the disk. Can be called again when it throws.
    ///
    /// `isCut`: more of the stream was to come.
    mutating func finish(isCut: Bool) throws {
        let isCut = isCut || dropped > 0
        let rest = redactor.finish(isCut: isCut)
        if !isGivenUp { unwritten += rest }
        try flush()
        guard file >= 0 else { return }
        // Whatever was wrong: the bytes are lost, and the kernel would say so once only.
        guard fdatasync(file) == 0 else { throw CallError("output file \(path) could not be kept (\(CallError("fdatasync")))", EIO) }
        close()
    }

    /// What is held back stays on the host, to be taken again.
    mutating func close() {
        if file >= 0 { Glibc.close(file) }
        file = -1
    }

    /// Gives up what the disk did not take.
    ///
    /// `forGood`: and whatever comes. Else the stream goes on behind the hole, which is right only for one that nobody sends again.
    mutating func giveUp(forGood: Bool) {
        unwritten = []
        isGivenUp = isGivenUp || forGood
    }

    /// Whole or not at all: a masked secret whose end is missing would be continued in clear after a restart.
    private mutating func flush() throws {
        guard !unwritten.isEmpty else { return }
        if file < 0 { file = try OutputStore.open(path) }
        var done = 0
        while done < unwritten.count {
            let written = unwritten.withUnsafeBytes { Glibc.write(file, $0.baseAddress.map { $0 + done }, $0.count - done) }
            if written < 0, errno == EINTR { continue }
            guard written > 0 else {
                let error = CallError("output file \(path) could not be written", written == 0 ? ENOSPC : errno)
                if done > 0 { ftruncate(file, off_t(size)) }
                throw error
            }
            done += written
        }
        size += done
        unwritten = []
    }
}
