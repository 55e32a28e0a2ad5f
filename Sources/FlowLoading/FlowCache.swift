internal import FlowCrypto
package import FlowModel
internal import Glibc

/// Compiled flows, by the digest of everything that went into them. Bounded; safe to remove at any time.
///
/// An entry is a folder that is made aside and renamed into place: it is whole or not there.
package struct FlowCache: Sendable {
    package let folder: String

    /// `$FLOW_CACHE`, else `~/.cache/flow`. Refused if others could put files into it: it holds programs that are run.
    package init(environment: [String: String] = FlowLoader.environment) throws(FlowError) {
        let home = environment["HOME"].map { "\($0)/.cache/flow" }
        guard let folder = environment["FLOW_CACHE"].flatMap({ $0.isEmpty ? nil : $0 }) ?? home else {
            throw FlowError(
                .load, subject: "FLOW_CACHE", "no place for compiled flows: neither FLOW_CACHE nor HOME is set",
                hint: "export FLOW_CACHE=/var/cache/flow")
        }
        self.folder = folder
        try Files.makeFolder("\(folder)/flows")
        try Files.makeFolder("\(folder)/work")
        var status = stat()
        guard stat(folder, &status) == 0 else { throw Files.failure("open", folder) }
        guard status.st_uid == geteuid(), status.st_mode & 0o022 == 0 else {
            throw FlowError(
                .forbidden, subject: folder,
                "'\(folder)' was not used: others can write to it, and it holds programs that are run",
                hint: "chmod go-w \(folder), or set FLOW_CACHE to a folder of your own")
        }
    }

    /// A flow that was compiled and evaluated before. Its file is the digest of what follows, a line end, and this as JSON: a damaged
    /// entry could else be another flow.
    package struct Entry: Codable, Sendable {
        static let currentFormat = 3

        var format = Entry.currentFormat
        var plan: Plan
        var diagnostics: [FlowError.Detail]
        var binary: Digest
    }

    /// What is there for a key.
    package enum Found: Sendable {
        case entry(Entry)
        case nothing
        /// Why it is not used. Whatever is wrong with an entry, compiling again puts it right.
        case damaged(String)
    }

    func binaryPath(_ key: Digest) -> String { "\(folder)/flows/\(key)/flow" }

    package func find(_ key: Digest) -> Found {
        let place = "\(folder)/flows/\(key)"
        guard Files.isThere(place) else { return .nothing }
        do throws(FlowError) {
            let entry = try read("\(place)/entry")
            if entry.plan.hasSwiftSteps, Digest(of: try Files.read(binaryPath(key), limit: Limits.blobBytes)) != entry.binary {
                return .damaged("its program is not the one that was compiled")
            }
            // The time of the last use decides what goes first.
            utimes(place, nil)
            return .entry(entry)
        } catch {
            return .damaged(error.message)
        }
    }

    private func read(_ path: String) throws(FlowError) -> Entry {
        let bytes = try Files.read(path, limit: 2 * LoadLimits.envelopeBytes)
        let body = bytes.dropFirst(Digest(of: []).hex.utf8.count + 1)
        guard bytes.starts(with: FlowCache.head(of: Array(body))) else {
            throw FlowError(.load, subject: path, "its description is not the one that was written")
        }
        do {
            let entry = try JSON.parse(body, maxDepth: Limits.planDepth).read(as: Entry.self)
            guard entry.format == Entry.currentFormat else {
                throw FlowError(.load, subject: path, "its description has format \(entry.format)")
            }
            return entry
        } catch let error as FlowError {
            throw error
        } catch {
            throw FlowError(.load, subject: path, "its description cannot be read: \(error)")
        }
    }

    private static func head(of body: [UInt8]) -> [UInt8] { Array("\(Digest(of: body).hex)\n".utf8) }

    /// A folder to compile in, to be stored or dropped. What a killed process left behind goes first.
    package func makeWorkFolder() throws(FlowError) -> WorkFolder {
        let work = "\(folder)/work"
        for name in Files.names(in: work) { WorkFolder.removeIfLeft("\(work)/\(name)") }
        return try WorkFolder(in: work)
    }

    /// Stores the folder, which holds the program as `flow`, under the key. Gives the entry that is there then: another process may
    /// have been faster.
    func store(_ work: WorkFolder, _ entry: Entry, as key: Digest) throws(FlowError) -> Entry {
        defer { prune() }
        let work = work.path
        do {
            let body = try JSON(encoding: entry).canonicalBytes
            try Files.write(FlowCache.head(of: body) + body, to: "\(work)/entry")
        } catch let error as FlowError {
            throw error
        } catch {
            throw FlowError(.internal, subject: key.short, "the plan was not kept: it cannot be written as JSON: \(error)")
        }
        if rename(work, "\(folder)/flows/\(key)") != 0 {
            // Something is there: another process was faster, or it is damaged.
            guard [EEXIST, ENOTEMPTY, ENOTDIR].contains(errno) else { throw Files.failure("make folder", "\(folder)/flows/\(key)") }
            if case .entry(let other) = find(key) { return other }
            Files.remove("\(folder)/flows/\(key)")
            guard rename(work, "\(folder)/flows/\(key)") == 0 else { throw Files.failure("replace", "\(folder)/flows/\(key)") }
        }
        return entry
    }

    /// Where the compiler keeps the modules that it has compiled.
    var modules: String { "\(folder)/modules" }

    /// Drops the entries that were not used for longest.
    private func prune() {
        for old in aged("\(folder)/flows").dropLast(LoadLimits.cacheEntries) { Files.removeFolder(old.path) }
    }

    private func aged(_ folder: String) -> [(path: String, modified: Int)] {
        Files.names(in: folder).compactMap { name -> (path: String, modified: Int)? in
            var status = stat()
            let path = "\(folder)/\(name)"
            return stat(path, &status) == 0 ? (path, status.st_mtim.tv_sec * 1_000 + status.st_mtim.tv_nsec / 1_000_000) : nil
        }
        .sorted { $0.modified < $1.modified }
    }
}
