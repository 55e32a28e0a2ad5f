import FlowEngine
import FlowLoading
import FlowModel
import Glibc
import Logging

/// With which inventory a home was last served when that was not the home's own: whoever opens it next must not run on other hosts
/// unasked.
///
/// The file is there only then. A service leaves it for every engine after it; an engine that a command started, for as long as runs
/// are open that it may have started on those hosts.
struct ServedInventory {
    private struct Note: Equatable {
        var isOfService: Bool
        /// Absolute.
        var inventory: String
    }

    private static let mostBytes = 8_192
    private let path: String
    private let home: String

    init(_ home: Home) {
        path = home.path + "/served-inventory"
        self.home = home.path
    }

    /// Refuses an engine that would work with the home's own inventory where another one was named before, and keeps what this one
    /// was given. One that only looks is let in, with a warning: it runs nothing.
    func admit(_ hosts: InventoryService, _ options: FlowServer.Options, store: any JournalReader, logger: Logger) async throws {
        let note = try await onThreadPool { try read() }
        let used = ServedInventory.resolved(hosts.file)
        if options.inventory == nil, let note, note.inventory != used, try await isBinding(note, store) {
            guard options.isForWork else {
                return logger.warning(
                    "the hosts shown may be others than those that runs are on",
                    metadata: ["inventory": "\(used)", "lastServedWith": "\(note.inventory)"])
            }
            throw refusal(note, used)
        }
        guard options.isForWork else { return }
        let isOwn = used == ServedInventory.resolved(hosts.own)
        let next = isOwn ? nil : Note(isOfService: options.isService, inventory: used)
        // What a command is given is for that command: the service comes back with what it had.
        if !options.isService, note?.isOfService == true { return }
        if next != note { try await onThreadPool { try write(next) } }
    }

    private func isBinding(_ note: Note, _ store: any JournalReader) async throws -> Bool {
        if note.isOfService { return true }
        let open = RunQuery(states: Set(RunState.allCases.filter { !$0.isTerminal }), limit: 1, inputsUpTo: 0)
        return try await !store.runs(open).isEmpty
    }

    private func refusal(_ note: Note, _ used: String) -> FlowError {
        FlowError(
            .usage, subject: "--inventory",
            "\(home) was not opened: it was last served with the hosts of \(note.inventory), and this engine would use those of \(used). "
                + "What goes on there could run on other machines.",
            hint: "--inventory \(note.inventory), as before; or --inventory \(used), to use these from now on")
    }

    /// The path without links, as far as it exists.
    private static func resolved(_ path: String) -> String {
        guard let resolved = realpath(path, nil) else { return path }
        defer { free(resolved) }
        return String(cString: resolved)
    }

    // MARK: - The file

    /// Its first line says whose it is, its second which inventory.
    private func read() throws(FlowError) -> Note? {
        let bytes: [UInt8]
        do throws(RegularFile.Fault) {
            bytes = try RegularFile.bytes(of: path, limit: Self.mostBytes)
        } catch {
            if error == .missing { return nil }
            throw fault("read", error.reason)
        }
        let lines = String(decoding: bytes, as: UTF8.self).split(separator: "\n", maxSplits: 1)
        guard lines.count == 2, lines[1].hasSuffix("\n"), ["service", "command"].contains(lines[0]) else {
            throw FlowError(
                .storage, subject: path, "\(home) was not opened: \(path) does not say with which inventory it was last served.",
                hint: "rm \(path), and name the inventory with --inventory FILE")
        }
        return Note(isOfService: lines[0] == "service", inventory: String(lines[1].dropLast()))
    }

    /// Durably: all of it is there or what was there before.
    private func write(_ note: Note?) throws(FlowError) {
        if let note {
            let draft = path + ".new"
            let file: Int32
            switch RegularFile.open(draft, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW) {
            case .opened(let opened, _): file = opened
            case .other(let kind): throw fault("write", "for \(draft), it is \(kind), not a file")
            case .failed(let code): throw fault("write", String(cString: strerror(code)))
            }
            defer { close(file) }
            let bytes = Array("\(note.isOfService ? "service" : "command")\n\(note.inventory)\n".utf8)
            guard Glibc.write(file, bytes, bytes.count) == bytes.count, fsync(file) == 0, rename(draft, path) == 0 else { throw fault("write") }
        } else {
            guard unlink(path) == 0 || errno == ENOENT else { throw fault("remove") }
        }
        let folder = open(home, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard folder >= 0 else { throw fault("write") }
        defer { close(folder) }
        guard fsync(folder) == 0 else { throw fault("write") }
    }

    private func fault(_ verb: String, _ reason: String = String(cString: strerror(errno))) -> FlowError {
        FlowError(
            .storage, subject: path, "The engine did not start: could not \(verb) \(path): \(reason).", hint: "ls -l \(path)*; df -h \(home)")
    }
}
