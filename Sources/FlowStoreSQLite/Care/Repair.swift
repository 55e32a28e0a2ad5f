package import FlowModel
internal import GRDB
internal import Glibc

/// Puts a damaged database together again from what is left of it, where no engine has it open.
///
/// Every way to do so is tried on a copy and judged by the checks that `doctor` makes; the one that keeps most takes the database's
/// place. What was there before is kept aside, whole.
package struct Repair {
    /// What became of it.
    package struct Report: Hashable, Sendable {
        /// Sentences about what is there now.
        package var kept: [String]
        /// Sentences about what is not; empty when nothing was lost.
        package var lost: [String]
        /// The folder with everything as it was; nil when nothing had to be done.
        package var copy: String?
    }

    private let file: DatabaseFile
    private let lock: OwnerLock
    private let now: Instant

    /// Repairs the database of the directory if it needs that.
    ///
    /// Throws `owned` while an engine has the directory, `database` when nothing that can be trusted is left: then nothing was changed.
    /// When something was lost, the next start is that of a restored backup: open runs are paused, and hosts are asked.
    package static func run(in directory: String, now: Instant) throws(FlowError) -> Report {
        guard Files.exists(directory) else {
            throw FlowError(.notFound, subject: directory, "Nothing was repaired: there is no directory \(directory).")
        }
        try DatabaseFile.prepare(directory: directory)
        let lock = try OwnerLock(directory: directory, socket: nil, now: now)
        defer { lock.release() }
        let file = DatabaseFile(directory: directory, migrations: Migration.all)
        do {
            return try Repair(file: file, lock: lock, now: now).run()
        } catch {
            throw StoreFailure.told(error, path: file.path)
        }
    }

    private func run() throws -> Report {
        guard let header = try file.existingHeader() else {
            throw FlowError(
                .notFound, subject: file.path, "Nothing was repaired: there is no journal.db in \(file.directory).",
                hint: "flowctl doctor --home DIR")
        }
        defer { RepairDraft.removeAll(of: file) }
        let log = try LogRemains(file: file, header: header, previous: lock.previous)
        var best: (source: LogRemains.Source, draft: RepairDraft)?
        var names: Set<String> = []
        RepairDraft.removeAll(of: file)
        for (number, source) in log.sources.enumerated() {
            let draft = try RepairDraft(file: file, log: log, source: source, number: number)
            names.formUnion(draft.runs)
            if draft.isSound, !source.isForNames, best.map({ draft.isBetter(than: $0.draft) }) ?? true {
                // Each is as large as the database.
                if let worse = best?.draft { try Files.remove(worse.path) }
                best = (source, draft)
            } else {
                try Files.remove(draft.path)
            }
        }
        guard let best else {
            throw FlowError(
                .database, subject: file.path,
                "Nothing was repaired and nothing was changed: no part of \(file.path) and its log is a whole database by itself.",
                hint: "restore a backup (docs/operating/trouble.md)")
        }
        let damages = best.draft.damages.map { "\($0.subject): \($0.message) (nothing here can mend that; the other runs go on)" }
        guard log.isDamaged || best.draft.isRebuilt else {
            return Report(kept: ["journal.db and its log are whole: \(best.draft.summary)"], lost: damages, copy: nil)
        }
        let missing = names.subtracting(best.draft.runs).sorted().map { "run \($0)" }
        let lost = log.losses(by: best.source) + missing
        return Report(
            kept: [best.source.name + ": " + best.draft.summary], lost: lost + damages, copy: try install(best.draft, isRestored: !lost.isEmpty))
    }

    /// Everything as it was goes aside, then the draft takes the database's place; a crash in between leaves one or the other.
    private func install(_ draft: RepairDraft, isRestored: Bool) throws -> String {
        let aside = "\(file.directory)/damaged-\(now.milliseconds)"
        try Files.makeDirectory(aside)
        for name in ["journal.db", "journal.db-wal", "journal.db-shm", "owner.lock"] where Files.exists("\(file.directory)/\(name)") {
            try Files.copy("\(file.directory)/\(name)", to: "\(aside)/\(name)")
        }
        try Files.synchronize(directory: aside)
        try Files.synchronize(directory: file.directory)
        if isRestored { try draft.markRestored(now: now) }
        try Files.Descriptor(opening: draft.path, O_RDWR).synchronize()
        try Files.rename(draft.path, to: file.path)
        // The database takes no log yet: what is beside it is of the old one.
        for name in ["-wal", "-shm"] { unlink(file.path + name) }
        try Files.synchronize(directory: file.directory)
        try lock.note(isOpen: false)
        return aside
    }
}
