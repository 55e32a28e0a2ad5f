internal import FlowEngine
internal import FlowModel

internal import struct Crypto.SHA256

extension Digest {
    /// The SHA-256 of the bytes.
    init(of bytes: [UInt8]) {
        var hash = RunningDigest()
        hash.update(bytes)
        self = hash.finish()
    }
}

/// A SHA-256 of bytes that come in parts.
struct RunningDigest {
    private var hash = SHA256()

    mutating func update(_ bytes: [UInt8]) { bytes.withUnsafeBytes { hash.update(bufferPointer: $0) } }
    func finish() -> Digest { hash.finalize().withUnsafeBytes { Digest(bytes: $0) } }
}

extension JournalRecord {
    /// The hash that the record must have after one with the hash `previous`.
    func expectedHash(after previous: Digest) -> Digest {
        Digest(of: JournalRecord.chainInput(previous: previous, run: run, sequence: sequence, at: at, bytes: bytes))
    }

    static let columns = "sequence, at, hash, bytes"

    /// The columns of `columns`, in that order.
    init(_ query: borrowing Query, run: RunID) throws(StoreError) {
        self.init(
            sequence: try query.int(0), run: run, at: try query.instant(1), hash: try query.digest(2),
            bytes: try query.bytes(3))
    }
}
