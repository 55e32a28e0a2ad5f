internal import Glibc

/// The log does not say all that was acknowledged.
struct LogDamage {
    /// What is wrong, as part of a sentence about `journal.db-wal`.
    var reason: String

    /// Looks at a log before SQLite does, which would take what it can and say nothing. nil when it holds all that can be told.
    ///
    /// What cannot be told: after a power cut, damage to the last two commits, or that all of a log's end is gone, looks like
    /// commits that were never finished.
    ///
    /// - Parameter isSameBoot: the machine has not been started anew since an engine had this log open and did not close it; then what
    ///   that engine knew is exact, and what it says of another log proves that this is not the one.
    static func find(log: String, database: String, pageSize: Int, isSameBoot: Bool) throws(FileFault) -> LogDamage? {
        let scan = try LogScan(path: log, pageSize: pageSize)
        if let memory = LogMemory(path: database + "-shm"), memory.frames > 0 {
            if scan.isHeaderSound, memory.salts == scan.salts {
                guard scan.taken < memory.frames else { return nil }
                return LogDamage(reason: shortfall(scan, memory.frames))
            }
            if isSameBoot {
                let what = scan.isHeaderSound ? "is another one than" : "does not begin like"
                return LogDamage(reason: "it \(what) the one that the engine wrote, of \(memory.frames) frames")
            }
        }
        if let commit = scan.commitBehindDamage {
            return LogDamage(
                reason: "frame \(scan.sound + 1) was changed, and the commit in frame \(commit + 1) was written and acknowledged after it")
        }
        guard !scan.isHeaderSound, try scan.hasMore(than: database) else { return nil }
        return LogDamage(reason: "its first bytes were changed, and what its frames say is not in the database")
    }

    private static func shortfall(_ scan: LogScan, _ frames: Int) -> String {
        let whole = "the engine had \(frames) frames in it"
        return scan.sound < scan.frames.count && scan.sound < frames
            ? "frame \(scan.sound + 1) was changed, and \(whole)" : "it ends after frame \(scan.taken), and \(whole)"
    }
}

extension LogScan {
    /// Whether commits of a log whose beginning cannot be read are missing from the database.
    ///
    /// A power cut can spoil the beginning only when a log begins anew, and that is when everything in it is in the database.
    func hasMore(than database: String) throws(FileFault) -> Bool {
        guard first < frames.count else { return false }
        let end = frames[(first + 1)...].firstIndex { !$0.isOfThisLog || !$0.follows } ?? frames.count
        guard let commit = frames[first..<end].lastIndex(where: \.isCommit) else { return false }
        let file = try Files.Descriptor(opening: database, O_RDONLY)
        let log = try Files.Descriptor(opening: path, O_RDONLY)
        var newest: [Int: Int] = [:]
        for index in first...commit where frames[index].page <= frames[commit].pages { newest[frames[index].page] = index }
        for (page, index) in newest {
            guard try file.read(pageSize, at: (page - 1) * pageSize) == log.read(pageSize, at: offset(of: index)) else { return true }
        }
        return false
    }
}
