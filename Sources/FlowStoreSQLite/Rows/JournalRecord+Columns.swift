internal import FlowCrypto
internal import FlowEngine
internal import FlowModel

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
