/// The bounds of the SQLite store, by name.
package enum StoreLimits {
    /// Blobs up to this many bytes are rows, larger ones files.
    package static let blobRowBytes = 64 << 10
    /// Bytes of a file that are in memory at once, when it becomes a blob.
    static let blobPieceBytes = 1 << 20
    /// Connections that read at once; further readers wait.
    package static let readers = 4
    /// Pages of write-ahead log after which the writer copies them into the database.
    package static let checkpointPages = 4_000
    /// Seconds to wait for another program's lock on the database.
    package static let busySeconds = 1.0
    /// Runs whose row number and state the writer remembers.
    package static let rememberedRuns = 16_384
    /// Steps of one run: the bits that its index has in a row number.
    package static let stepIndexBits = 24
    /// Rows that retention deletes in one transaction.
    package static let deletedRows = 10_000
    /// Seconds for which a blob that nothing names is kept after it was stored or asked for.
    package static let blobGraceSeconds = 86_400.0
    /// Blobs of which it is remembered when they were last asked for. With more, all of them count as asked for.
    package static let wantedBlobs = 10_000
    /// Free pages that stay in the database for what comes next.
    package static let keptFreePages = 256
    /// Free pages that go back to the disk in one transaction.
    package static let pagesGivenBack = 500
    /// Bytes that are kept for a start on a full disk.
    package static let reserveBytes = 1 << 20
    /// Bytes of an audit row's detail.
    package static let auditDetailBytes = 64 << 10
    /// Findings that a verification reports before it stops.
    package static let findings = 100
    /// Rows of a page, whatever is asked for.
    package static let pageRows = 10_000
}
