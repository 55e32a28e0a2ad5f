internal import CFlowShims
package import FlowModel
internal import Glibc
internal import Synchronization

/// The right to be the one engine of a directory, held as a lock on `owner.lock` until `release` or the process ends.
///
/// The file says who holds it, so that a second engine can be told, and whether the journal is open, so that a write-ahead log
/// that was lost after a crash is noticed.
package final class OwnerLock: Sendable {
    /// Who holds a directory.
    package struct Holder: Hashable, Sendable, Codable {
        package var pid: Int
        package var host: String
        package var startedAt: Instant
        /// Where it answers.
        package var socket: String?
        /// Whether it has the journal open; true in the file of an engine that was killed.
        var isOpen: Bool
        /// The start of the machine in which it was written: what is in memory since then is known to be exact.
        var boot: String?
    }

    private let descriptor: Mutex<CInt?>
    private let path: String
    private let holder: Mutex<Holder>
    /// What the file said when the lock was taken: the engine before this one.
    let previous: Holder?

    /// Takes the lock or throws `owned`, naming the holder, at once.
    package init(directory: String, socket: String?, now: Instant) throws(FlowError) {
        path = directory + "/owner.lock"
        var other: UnsafePointer<CChar>?
        let number = flow_open_plain(path, O_RDWR | O_CREAT, 0o600, &other)
        guard number >= 0 else { throw StoreFailure.told(FileFault(opening: path, other), path: path) }
        guard flock(number, LOCK_EX | LOCK_NB) == 0 else {
            let fault = FileFault("flock", path)
            close(number)
            guard fault.number == EWOULDBLOCK else { throw StoreFailure.told(fault, path: path) }
            throw OwnerLock.owned(directory)
        }
        descriptor = Mutex(number)
        previous = OwnerLock.holder(of: directory)
        // An engine that dies before it opens the journal leaves standing what the one before it left.
        let wasOpen = previous?.isOpen ?? false
        holder = Mutex(
            Holder(pid: Int(getpid()), host: OwnerLock.hostName(), startedAt: now, socket: socket, isOpen: wasOpen))
        do throws(FileFault) {
            try note(isOpen: wasOpen, boot: previous?.boot)
        } catch {
            throw StoreFailure.told(error, path: path)
        }
    }

    /// Who the file of the directory names, alive or not; nil when it names nobody.
    package static func holder(of directory: String) -> Holder? {
        guard let descriptor = try? Files.Descriptor(opening: directory + "/owner.lock", O_RDONLY),
            let bytes = try? descriptor.read(4_096), !bytes.isEmpty, let json = try? JSON.parse(bytes)
        else { return nil }
        return try? json.decode(as: Holder.self)
    }

    private static func owned(_ directory: String) -> FlowError {
        let path = directory + "/journal.db"
        guard let holder = holder(of: directory) else {
            return FlowError(.owned, subject: path, "\(path) was not opened: another engine that is just starting owns it.")
        }
        let socket = holder.socket.map { ", reachable at \($0)" } ?? ""
        return FlowError(
            .owned, subject: path,
            "\(path) was not opened: the engine with pid \(holder.pid)\(program(of: holder)) on \(holder.host), started \(holder.startedAt)\(socket), owns it.",
            hint: "flowctl uses that engine by itself. To put another in its place: kill \(holder.pid) (what runs goes on, and is taken up again)")
    }

    /// What was typed to start it, where that can be seen.
    private static func program(of holder: Holder) -> String {
        guard holder.host == hostName(), let file = try? Files.Descriptor(opening: "/proc/\(holder.pid)/cmdline", O_RDONLY),
            let bytes = try? file.read(200), !bytes.isEmpty
        else { return "" }
        let words = bytes.split(separator: 0).map { String(decoding: $0, as: UTF8.self) }
        return " (\(words.joined(separator: " ").filter { $0.isASCII && !$0.isNewline }))"
    }

    /// What tells this start of the machine from others.
    static let boot: String? = {
        guard let bytes = try? Files.Descriptor(opening: "/proc/sys/kernel/random/boot_id", O_RDONLY).read(64) else { return nil }
        return String(decoding: bytes, as: UTF8.self).split(whereSeparator: \.isWhitespace).first.map(String.init)
    }()

    private static func hostName() -> String {
        var buffer = [CChar](repeating: 0, count: 256)
        guard gethostname(&buffer, 255) == 0 else { return "localhost" }
        return String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// Writes who holds it and whether the journal is open. That it was closed must be known for certain before its log goes away.
    func note(isOpen: Bool, boot: String? = OwnerLock.boot) throws(FileFault) {
        let text = holder.withLock { holder in
            holder.isOpen = isOpen
            holder.boot = boot
            return holder.text
        }
        guard let number = descriptor.withLock({ $0 }) else { return }
        let bytes = Array(text.utf8)
        // In place, because the lock belongs to this file; padded, so that a reader never sees the end of a longer one.
        let padded = bytes + [UInt8](repeating: 0x20, count: max(0, 1_023 - bytes.count)) + [0x0A]
        guard pwrite(number, padded, padded.count, 0) == padded.count else { throw FileFault("write", path) }
        guard isOpen || fsync(number) == 0 else { throw FileFault("fsync", path) }
    }

    /// Lets another engine in.
    package func release() {
        let number = descriptor.withLock { number in
            defer { number = nil }
            return number
        }
        guard let number else { return }
        // Said, not left to close: a child between fork and exec still has the descriptor, and with it the lock.
        _ = flock(number, LOCK_UN)
        close(number)
    }

    deinit { release() }
}

extension OwnerLock.Holder {
    fileprivate var text: String {
        var members: [String: JSON] = [
            "pid": .int(pid), "host": .string(host), "startedAt": .string("\(startedAt)"), "isOpen": .bool(isOpen),
        ]
        members["boot"] = boot.map(JSON.string)
        members["socket"] = socket.map(JSON.string)
        return JSON.object(members).canonical
    }
}
