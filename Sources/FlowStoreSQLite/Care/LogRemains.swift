internal import Glibc

/// What is left of a log, and the databases that can be made of it.
struct LogRemains {
    /// One way to put the database together: the file with the log's frames up to one of them.
    struct Source {
        var name: String
        /// Frames that are applied.
        var frames: Int
        /// Not to be kept: it has holes, and may only tell the names of what is lost.
        var isForNames = false
    }

    private let scan: LogScan?
    private let memory: LogMemory?
    /// Pages by frame as the engine knew them.
    private let known: [Int]
    /// The log, or that there is none, does not fit the database.
    let isDamaged: Bool
    private let isMissing: Bool
    private let isForeign: Bool
    private(set) var sources: [Source] = []

    init(file: DatabaseFile, header: [UInt8], previous: OwnerLock.Holder?) throws(FileFault) {
        let log = file.path + "-wal"
        let size = Files.status(log).map { Int($0.st_size) }
        let takesLog = DatabaseFile.takesLog(header)
        isForeign = !takesLog && size ?? 0 > 0
        isMissing = takesLog && size == nil && previous?.isOpen == true
        guard takesLog, size != nil else {
            (scan, memory, known) = (nil, nil, [])
            isDamaged = isForeign || isMissing
            sources = [Source(name: "journal.db alone", frames: 0)]
            return
        }
        let pageSize = DatabaseFile.pageSize(header)
        let isSameBoot = previous?.isOpen == true && previous?.boot == OwnerLock.boot
        isDamaged = try LogDamage.find(log: log, database: file.path, pageSize: pageSize, isSameBoot: isSameBoot) != nil
        let scan = try LogScan(path: log, pageSize: pageSize)
        let memory = LogMemory(path: file.path + "-shm").flatMap { $0.frames > 0 && $0.salts == scan.salts ? $0 : nil }
        known = try memory?.pages() ?? []
        self.scan = scan
        self.memory = memory
        sources = self.ways(scan)
    }

    private func ways(_ scan: LogScan) -> [Source] {
        let whole = Source(name: "journal.db with its whole log", frames: scan.taken)
        guard isDamaged else { return [whole] }
        let end = lastCommit(scan)
        var ways: [Source] = []
        // The last commit up to which each page that was changed since was written again.
        let best = stride(from: end, to: scan.taken, by: -1).first { scan.frames[$0 - 1].isCommit && newest(through: $0) != nil }
        if let best { ways.append(Source(name: "journal.db with its log up to frame \(best) of \(end), past what was changed", frames: best)) }
        if scan.taken > 0 { ways.append(Source(name: "journal.db with its log up to frame \(scan.taken), where it was changed", frames: scan.taken)) }
        ways.append(Source(name: "journal.db alone, as of when its log was last copied into it", frames: 0))
        if end > scan.taken { ways.append(Source(name: "all", frames: end, isForNames: true)) }
        return ways
    }

    /// Frames up to the last commit that is known to have been one.
    private func lastCommit(_ scan: LogScan) -> Int {
        // A commit that another frame follows was one. So was that up to which the engine had come.
        var end = max(scan.taken, min(memory?.frames ?? 0, scan.frames.count))
        for index in scan.frames.indices.dropLast() where scan.frames[index].isCommit {
            if scan.frames[index + 1].isOfThisLog, scan.frames[index + 1].follows { end = max(end, index + 1) }
        }
        let next = scan.frames[end...].firstIndex { !$0.isOfThisLog || !$0.follows } ?? scan.frames.count
        return scan.frames[..<next].lastIndex { $0.isCommit && $0.isReadable }.map { $0 + 1 } ?? 0
    }

    /// The newest frame of each page among the first `count`; nil when that of a page was changed, or of which page one is cannot be told.
    private func newest(through count: Int) -> [Int: Int]? {
        guard let scan else { return [:] }
        var newest: [Int: Int] = [:]
        for index in 0..<count {
            let frame = scan.frames[index]
            guard frame.isReadable || frame.isOfThisLog || index < known.count else { return nil }
            newest[index < known.count ? known[index] : frame.page] = index
        }
        return newest.values.allSatisfy { scan.frames[$0].isReadable } ? newest : nil
    }

    /// Writes the source's pages into a copy of the database, and gives it the size that it had then.
    func apply(_ source: Source, to path: String) throws(FileFault) {
        guard let scan, source.frames > 0 else { return }
        let log = try Files.Descriptor(opening: scan.path, O_RDONLY)
        let copy = try Files.Descriptor(opening: path, O_RDWR)
        let size = scan.frames[..<source.frames].last { $0.isCommit && $0.isReadable }?.pages ?? 0
        for index in 0..<source.frames where scan.frames[index].isReadable {
            try copy.write(try log.read(scan.pageSize, at: scan.offset(of: index)), at: (scan.frames[index].page - 1) * scan.pageSize)
        }
        if size > 0 { try copy.truncate(to: size * scan.pageSize) }
    }

    /// What the source does not have, as sentences.
    func losses(by source: Source) -> [String] {
        if isMissing { return ["what was in the log and not yet in journal.db: the log is missing, so what that was cannot be told"] }
        guard isDamaged, !isForeign, let scan else { return [] }
        if source.frames == 0, let memory, memory.copied == memory.frames { return [] }
        let end = max(lastCommit(scan), memory?.frames ?? 0)
        let commits = scan.frames[source.frames...].prefix(max(0, end - source.frames)).count { $0.isCommit && $0.isOfThisLog }
        guard source.frames < end else {
            // Without what the engine knew, the pages of changed frames are what these say themselves.
            return memory == nil && !scan.isHeaderSound
                ? ["perhaps: the log's first bytes were changed, so whether it was longer cannot be told"] : []
        }
        return ["\(end - source.frames) of \(end) frames of the log, with \(commits) commits that can still be counted"]
    }
}
