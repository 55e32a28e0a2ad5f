import FlowEngine
import FlowModel
import FlowStoreSQLite
import FlowTestKit
import Foundation
import GRDB
import Testing

/// What a killed engine left is damaged in every way at every place of its log. Either it is refused, or everything that was
/// acknowledged is there; and what `repair` says that it kept is there.
@Suite("Log damage", .timeLimit(.minutes(60)))
struct LogDamageTests {
    /// `FLOW_POWER_CUTS=all`: `make crash`.
    private static let isAll = ProcessInfo.processInfo.environment["FLOW_POWER_CUTS"] == "all"
    private static let frameBytes = 24 + 4_096

    /// The files of an engine that was killed, and what it had acknowledged.
    private struct Killed {
        var files: [String: [UInt8]] = [:]
        var content: Digest
        var log: [UInt8] { files["journal.db-wal"] ?? [] }

        /// Frames of the log's own generation up to its last commit, and where each commit ends.
        var frames: Int { commits.last ?? 0 }
        var commits: [Int] {
            let salts = log[16..<24]
            let count = (log.count - 32) / frameBytes
            let mine = (0..<count).prefix { Array(log[(32 + $0 * frameBytes + 8)...].prefix(8)) == Array(salts) }
            return mine.filter { log[(32 + $0 * frameBytes + 4)..<(32 + $0 * frameBytes + 8)] != [0, 0, 0, 0] }.map { $0 + 1 }
        }
    }

    /// Commits of different sizes; the log has begun anew, so that frames of an older one lie behind its end.
    private func killed() throws -> Killed {
        let scratch = try Scratch()
        let store = try SQLiteStore.open(in: scratch.path, socket: nil, now: start, checkpointPages: 100)
        var chain = Chain(epoch: try store.beginEpoch())
        var number = 0
        func commit() throws {
            number += 1
            let size = [200, 9_000, 40, 20_000, 500][number % 5]
            try store.commit(chain.batch([runID(number % 7), runID(7)], bytes: [UInt8](repeating: UInt8(number), count: size)))
        }
        func log() throws -> [UInt8] { [UInt8](try Data(contentsOf: URL(filePath: scratch.database + "-wal"))) }
        let first = try log().prefix(24)
        while try log().prefix(24) == first { try commit() }
        for _ in 0..<7 { try commit() }
        var killed = Killed(content: try DatabaseContent.digest(of: scratch.database))
        for name in ["journal.db", "journal.db-wal", "journal.db-shm", "owner.lock"] {
            killed.files[name] = [UInt8](try Data(contentsOf: URL(filePath: "\(scratch.path)/\(name)")))
        }
        try store.close()
        return killed
    }

    private enum Kind: CaseIterable { case flip, zero, zeroPage, cut }

    private func damage(_ log: [UInt8], _ kind: Kind, at offset: Int) -> [UInt8] {
        var log = log
        switch kind {
        case .flip: log[offset] ^= 0x10
        case .zero: for place in offset..<min(offset + 64, log.count) { log[place] = 0 }
        case .zeroPage: for place in offset..<min(offset + 4_096, log.count) { log[place] = 0 }
        case .cut: log.removeLast(log.count - offset)
        }
        return log
    }

    private struct Tally {
        var cases = 0
        var refused = 0
        var harmless = 0
        var untold = 0
        var whole = 0
        var faults: [String] = []
    }

    /// - Parameter mayBeSilent: nobody can tell this damage from a commit that was never finished.
    private func take(_ killed: Killed, _ log: [UInt8], _ name: String, mayBeSilent: Bool, _ folder: CrashFolder, _ tally: inout Tally) async throws {
        tally.cases += 1
        var files = killed.files
        files["journal.db-wal"] = log
        try folder.lay(out: files)
        func content() throws -> Digest { try DatabaseContent.digest(of: folder.path + "/journal.db") }
        do {
            let store = try SQLiteStore.open(in: folder.path, now: start)
            let isWhole = try content() == killed.content
            try store.close()
            if isWhole { tally.harmless += 1 } else if mayBeSilent { tally.untold += 1 } else { tally.faults.append("\(name): lost in silence") }
            return
        } catch let error as FlowError {
            guard error.code == .database, error.message.contains("journal.db-wal"), error.hint?.contains("flowctl repair") == true else {
                return tally.faults.append("\(name): \(error.message)")
            }
            guard try Data(contentsOf: URL(filePath: folder.path + "/journal.db-wal")) == Data(log) else {
                return tally.faults.append("\(name): refused, and changed")
            }
        }
        tally.refused += 1
        let report = try Repair.run(in: folder.path, now: start)
        let store = try SQLiteStore.open(in: folder.path, now: start)
        let (found, isWhole, isRestored) = (try await store.verify(), try content() == killed.content, store.isRestored)
        try store.close()
        if found != [] { tally.faults.append("\(name): repaired, and \(found)") }
        if report.copy == nil { tally.faults.append("\(name): no copy was kept") }
        if report.lost.isEmpty != isWhole { tally.faults.append("\(name): said to be lost: \(report.lost), is whole: \(isWhole)") }
        if report.lost.isEmpty == isRestored { tally.faults.append("\(name): lost \(report.lost), restored: \(isRestored)") }
        if isWhole { tally.whole += 1 }
    }

    @Test(arguments: [true, false])
    func `each kind of damage at each place of the log is seen, and mended as far as it is said`(_ isPowerCut: Bool) async throws {
        var killed = try killed()
        // After a power cut nothing is left of what was only in memory.
        if isPowerCut { killed.files["journal.db-shm"] = nil }
        let folder = try CrashFolder()
        let (log, commits) = (killed.log, killed.commits)
        try #require(commits.count >= 5 && log.count > 32 + Self.frameBytes * killed.frames)
        // Two commits must lie behind what was changed.
        let last = commits[commits.count - 3]
        var tally = Tally()
        var number = 0
        for kind in Kind.allCases {
            var places = [0, 9, 17, 25]
            for frame in 0..<killed.frames { places += [0, 5, 9, 17, 24, 1_000, 4_119].map { 32 + frame * Self.frameBytes + $0 } }
            for place in places {
                number += 1
                guard Self.isAll || number % 11 == 0 || place < 32 else { continue }
                let frame = (place - 32) / Self.frameBytes
                // Of the last two commits, and of what is gone with all that came after it, only memory tells.
                let mayBeSilent = isPowerCut && (kind == .cut || frame >= (kind == .flip ? last : last - 2))
                try await take(
                    killed, damage(log, kind, at: place), "\(kind) at \(place) (frame \(frame) of \(killed.frames))", mayBeSilent: mayBeSilent,
                    folder, &tally)
            }
        }
        print("log damage\(isPowerCut ? " after a power cut" : ""): \(tally)")
        #expect(tally.faults == [])
        #expect(tally.refused > tally.cases / 3)
        if !isPowerCut { #expect(tally.untold == 0 && tally.whole > 0) }
    }

    @Test func `a sound log is taken, and repair has nothing to do`() async throws {
        let killed = try killed()
        let folder = try CrashFolder()
        try folder.lay(out: killed.files)
        let report = try Repair.run(in: folder.path, now: start)
        #expect(report.copy == nil && report.lost == [])
        let store = try SQLiteStore.open(in: folder.path, now: start)
        #expect(try DatabaseContent.digest(of: folder.path + "/journal.db") == killed.content)
        try store.close()
    }

    @Test func `another log in the place of the one that was there is refused`() async throws {
        let (one, other) = (try killed(), try killed())
        let folder = try CrashFolder()
        var files = one.files
        files["journal.db-wal"] = other.log
        try folder.lay(out: files)
        let error = #expect(throws: FlowError.self) { _ = try SQLiteStore.open(in: folder.path, now: start) }
        #expect(error?.message.contains("is another one") == true, "\(error?.message ?? "")")
    }

    @Test func `a clean stop leaves the whole database in journal.db alone`() async throws {
        let scratch = try Scratch()
        let store = try scratch.open()
        var chain = Chain(epoch: try store.beginEpoch())
        try store.commit(chain.batch([runID(1)]))
        // A view opens a connection that reads, which is closed last.
        #expect(try await store.runs(RunQuery(limit: 10)).count == 1)
        let content = try DatabaseContent.digest(of: scratch.database)
        try store.close()
        let other = try Scratch()
        try FileManager.default.copyItem(atPath: scratch.database, toPath: other.database)
        let copy = try other.open()
        #expect(try DatabaseContent.digest(of: other.database) == content)
        try copy.close()
    }

    @Test func `an index that lacks a row is mended from its table`() async throws {
        let scratch = try Scratch()
        let store = try scratch.open()
        var chain = Chain(epoch: try store.beginEpoch())
        for _ in 0..<3 { try store.commit(chain.batch((0..<20).map(runID))) }
        try store.close()
        let content = try DatabaseContent.digest(of: scratch.database)
        try hideRow(ofIndex: "run_state", scratch)
        let damaged = try scratch.open()
        #expect(try await damaged.verify().contains { $0.message.contains("index run_state") })
        try damaged.close()
        let report = try Repair.run(in: scratch.path, now: start)
        #expect(report.lost == [] && report.copy != nil)
        #expect(report.kept.contains { $0.contains("indexes were made anew") }, "\(report)")
        let mended = try scratch.open()
        #expect(try await mended.verify() == [])
        #expect(!mended.isRestored)
        try mended.close()
        #expect(try DatabaseContent.digest(of: scratch.database) == content)
    }

    /// Takes a cell away from the index's root page: the file is well formed, and the index incomplete.
    private func hideRow(ofIndex name: String, _ scratch: Scratch) throws {
        let page = try DatabaseQueue(path: scratch.database).read { database in
            try #require(try Int.fetchOne(database, sql: "SELECT rootpage FROM sqlite_master WHERE name = ?", arguments: [name]))
        }
        var bytes = [UInt8](try Data(contentsOf: URL(filePath: scratch.database)))
        let start = (page - 1) * 4_096
        try #require(bytes[start] == 10, "the root is a leaf")
        bytes[start + 4] -= 1
        // The last cell's room is left unused, which SQLite calls fragmentation; the row is what matters here.
        try Data(bytes).write(to: URL(filePath: scratch.database))
    }
}
