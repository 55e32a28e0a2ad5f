import Glibc

/// One stream of one attempt on its way to its file: masked, bounded, appended. Used on one thread at a time.
struct OutputFile: Sendable {
    private let path: String
    private let cap: Int
    private var redactor: Redactor
    private var file: CInt = -1
    /// After a failed write nothing more is kept: bytes behind a hole would stand at wrong offsets.
    private var hasFailed = false
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
    var dropped: Int { max(0, taken - size - redactor.heldBytes) }

    mutating func append(_ bytes: [UInt8], at offset: Int) throws {
        // Sent again after a reconnection.
        let known = max(0, taken - offset)
        guard offset <= taken else {
            throw CallError("the host left out output from byte \(taken) to \(offset)", EPROTO)
        }
        guard known < bytes.count else { return }
        let fresh = Array(bytes.dropFirst(known))
        let room = hasFailed ? 0 : max(0, cap - size - redactor.heldBytes)
        taken += fresh.count
        guard room > 0 else { return }
        let kept = room < fresh.count ? Array(fresh.prefix(room)) : fresh
        var out = redactor.take(kept)
        if kept.count == room { out += redactor.finish(isCut: true) }
        try write(out)
    }

    /// Writes what was held back and waits until all of it is on the disk.
    mutating func finish() throws {
        try write(redactor.finish(isCut: dropped > 0))
        guard file >= 0 else { return }
        guard fdatasync(file) == 0 else { throw CallError("output file \(path) could not be written") }
        close()
    }

    /// What is held back stays on the host, to be taken again.
    mutating func close() {
        if file >= 0 { Glibc.close(file) }
        file = -1
    }

    private mutating func write(_ bytes: [UInt8]) throws {
        guard !bytes.isEmpty, !hasFailed else { return }
        hasFailed = true
        if file < 0 { file = try OutputStore.open(path) }
        var done = 0
        while done < bytes.count {
            let written = bytes.withUnsafeBytes { Glibc.write(file, $0.baseAddress.map { $0 + done }, $0.count - done) }
            if written < 0, errno == EINTR { continue }
            guard written > 0 else { throw CallError("output file \(path) could not be written") }
            done += written
            size += written
        }
        hasFailed = false
    }
}
