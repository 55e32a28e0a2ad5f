internal import CFlowShims
package import FlowModel
internal import Glibc

/// Hosts in the order of their file, with groups and labels.
///
///     let inventory = try Inventory.load("inventory.yaml")
///     let hosts = try inventory.resolve("group:web & !role=canary")
package struct Inventory: Hashable, Sendable {
    /// In the order of the file: the order of every selection.
    package let hosts: [Host]
    /// Members by group, in the order written there.
    package let groups: [String: [String]]
    private let positions: [String: Int]

    /// Names are distinct and members exist: the reader has seen to it.
    package init(hosts: [Host], groups: [String: [String]] = [:]) {
        self.hosts = hosts
        self.groups = groups
        positions = Dictionary(hosts.enumerated().map { ($1.name, $0) }, uniquingKeysWith: { first, _ in first })
    }

    package static let empty = Inventory(hosts: [])

    /// The host of that name.
    package func host(named name: String) -> Host? { positions[name].map { hosts[$0] } }

    /// Its place in the order.
    func position(of name: String) -> Int? { positions[name] }

    /// Reads the file; throws `load` with all its faults, or `notFound`.
    package static func load(_ path: String) throws(FlowError) -> Inventory {
        try parse(try InventoryFile.read(path), file: path)
    }

    /// Reads the text of a file; `file` is the name that faults are reported with.
    package static func parse(_ text: String, file: String) throws(FlowError) -> Inventory {
        var reader = InventoryReader(file: file)
        return try reader.read(text)
    }

    /// The hosts that the selector means, in inventory order, without duplicates; at least one.
    ///
    /// Throws `selector`, naming the position in the text, for a text that cannot be read, a name or group that does not exist
    /// (with the nearest ones), or a selection that is empty.
    package func resolve(_ text: String) throws(FlowError) -> [Host] {
        let expression = try SelectorExpression(text)
        let hosts = try expression.hosts(in: self)
        guard !hosts.isEmpty else {
            throw FlowError(
                .selector, subject: text, "Selector '\(text)' matches none of the \(self.hosts.count) hosts of the inventory.",
                hint: "flowctl inventory list")
        }
        return hosts
    }
}

/// The inventory file as text.
enum InventoryFile {
    static func read(_ path: String) throws(FlowError) -> String {
        var other: UnsafePointer<CChar>?
        let descriptor = flow_open_plain(path, O_RDONLY, 0, &other)
        guard descriptor >= 0 else {
            let code = errno
            guard let kind = other.map({ String(cString: $0) }) else { throw failure("was not read", path, code) }
            throw FlowError(
                .storage, subject: path, "The inventory \(path) was not read: it is \(kind), not a file.", hint: "ls -l \(path)")
        }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = Glibc.read(descriptor, &buffer, buffer.count)
            if count == 0 { break }
            guard count > 0 else {
                if errno == EINTR { continue }
                throw failure("was not read", path, errno)
            }
            bytes += buffer[..<count]
            guard bytes.count <= InventoryLimits.fileBytes else {
                throw FlowError(
                    .tooLarge, subject: path, "\(path) was not read: it has more than \(InventoryLimits.fileBytes) bytes.")
            }
        }
        do throws(WrittenText.Fault) {
            return try WrittenText.text(of: bytes, keepsMark: true)
        } catch {
            throw FlowError(.load, subject: path, "\(path) was not read: \(error.message).")
        }
    }

    /// Replaces the file as a whole: a reader, or a crash, finds the old text or the new one.
    static func write(_ text: String, to path: String) throws(FlowError) {
        // Through a link, so that the file it leads to is replaced, not the link.
        let target =
            realpath(path, nil).map { pointer in
                defer { free(pointer) }
                return String(cString: pointer)
            } ?? path
        var mode: mode_t = 0o600
        var status = stat()
        if stat(target, &status) == 0 { mode = status.st_mode & 0o777 }
        let draft = "\(target).\(getpid()).new"
        let descriptor = open(draft, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode)
        guard descriptor >= 0 else { throw failure("was not written", path, errno) }
        defer { unlink(draft) }
        let problem = fill(descriptor, Array(text.utf8))
        close(descriptor)
        if let problem { throw failure("was not written", path, problem) }
        guard rename(draft, target) == 0 else { throw failure("was not written", path, errno) }
    }

    /// nil when everything is on disk, otherwise `errno`.
    private static func fill(_ descriptor: CInt, _ bytes: [UInt8]) -> CInt? {
        var done = 0
        while done < bytes.count {
            let count = bytes.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress?.advanced(by: done), $0.count - done) }
            guard count >= 0 || errno == EINTR else { return errno }
            done += max(0, count)
        }
        return fsync(descriptor) == 0 ? nil : errno
    }

    private static func failure(_ what: String, _ path: String, _ number: CInt) -> FlowError {
        let reason = String(cString: strerror(number))
        return number == ENOENT
            ? FlowError(
                .notFound, subject: path, "The inventory \(path) \(what): \(reason).",
                hint: "flowctl inventory add NAME ADDRESS")
            : FlowError(.storage, subject: path, "The inventory \(path) \(what): \(reason).")
    }
}
