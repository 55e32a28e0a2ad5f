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

    /// A flow that was compiled and evaluated before.
    struct Entry: Codable {
        static let currentFormat = 1

        var format = Entry.currentFormat
        var plan: Plan
        var diagnostics: [FlowError.Detail]
        var binary: Digest
    }

    func binaryPath(_ key: Digest) -> String { "\(folder)/flows/\(key)/flow" }

    /// nil when it is not there, or not of this version.
    func entry(_ key: Digest) -> Entry? {
        // Whatever is wrong with an entry, compiling again puts it right.
        guard let bytes = try? Files.read("\(folder)/flows/\(key)/entry.json", limit: 2 * LoadLimits.envelopeBytes),
            let entry = try? JSON.parse(bytes, maxDepth: Limits.planDepth).decode(as: Entry.self),
            entry.format == Entry.currentFormat, Files.exists(binaryPath(key))
        else { return nil }
        // The time of the last use decides what goes first.
        utimes("\(folder)/flows/\(key)", nil)
        return entry
    }

    /// A folder to compile in, to be stored or dropped.
    func makeWorkFolder() throws(FlowError) -> String {
        var template = Array("\(folder)/work/XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw Files.failure("make a folder in", "\(folder)/work") }
        return String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// Stores the folder, which holds the program as `flow`, under the key. Gives the entry that is there then: another process may
    /// have been faster.
    func store(_ work: String, _ entry: Entry, as key: Digest) throws(FlowError) -> Entry {
        defer { prune() }
        do {
            try Files.write(try JSON(encoding: entry).canonicalBytes, to: "\(work)/entry.json")
        } catch let error as FlowError {
            throw error
        } catch {
            throw FlowError(.internal, subject: key.short, "the plan was not kept: it cannot be written as JSON: \(error)")
        }
        if rename(work, "\(folder)/flows/\(key)") != 0 {
            guard errno == EEXIST || errno == ENOTEMPTY else { throw Files.failure("make folder", "\(folder)/flows/\(key)") }
            if let other = self.entry(key) { return other }
            // The one that is there is broken.
            Files.removeFolder("\(folder)/flows/\(key)")
            guard rename(work, "\(folder)/flows/\(key)") == 0 else { throw Files.failure("replace", "\(folder)/flows/\(key)") }
        }
        return entry
    }

    /// Drops the entries that were not used for longest, and work that a killed process left behind.
    private func prune() {
        let flows = aged("\(folder)/flows")
        for old in flows.dropLast(LoadLimits.cacheEntries) { Files.removeFolder(old.path) }
        let now = time(nil) * 1_000
        for work in aged("\(folder)/work") where work.modified < now - 3_600_000 { Files.removeFolder(work.path) }
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
