internal import CFlowShims
internal import FlowModel
internal import Glibc

/// A system call on a file that failed.
package struct FileFault: Error, CustomStringConvertible {
    var call: String
    var path: String
    var number: CInt
    /// What else it is than a file, in words.
    var kind: String?

    package init(_ call: String, _ path: String, _ number: CInt = errno) {
        self.call = call
        self.path = path
        self.number = number
    }

    /// That `flow_open_plain` did not open it: `other` is what it said.
    init(opening path: String, _ other: UnsafePointer<CChar>?) {
        self.init("open", path)
        kind = other.map { String(cString: $0) }
    }

    var reason: String { kind.map { "it is \($0), not a file" } ?? String(cString: strerror(number)) }
    package var description: String { "\(call) \(path): \(reason)" }
    /// No room, as opposed to a broken disk.
    var isNoRoom: Bool { [ENOSPC, EDQUOT, EFBIG].contains(number) }
}

/// The few blocking file operations of this room.
enum Files {
    /// An open descriptor, closed when its scope ends; children do not inherit it.
    struct Descriptor: ~Copyable {
        let number: CInt
        let path: String

        /// A plain file, or with `O_DIRECTORY` a directory. Never waits for what stands there instead.
        init(opening path: String, _ flags: CInt, mode: mode_t = 0o600) throws(FileFault) {
            var other: UnsafePointer<CChar>?
            number =
                flags & O_DIRECTORY != 0 ? Glibc.open(path, flags | O_CLOEXEC, mode) : flow_open_plain(path, flags, mode, &other)
            self.path = path
            guard number >= 0 else { throw FileFault(opening: path, other) }
        }

        deinit { close(number) }

        borrowing func write(_ bytes: [UInt8]) throws(FileFault) {
            var done = 0
            while done < bytes.count {
                let count = bytes.withUnsafeBytes { Glibc.write(number, $0.baseAddress?.advanced(by: done), $0.count - done) }
                guard count > 0 || errno == EINTR else { throw FileFault("write", path) }
                done += max(0, count)
            }
        }

        /// Up to `limit` bytes from the current position; fewer only at the end of the file.
        borrowing func read(_ limit: Int) throws(FileFault) -> [UInt8] {
            var fault: FileFault?
            let bytes = [UInt8](unsafeUninitializedCapacity: limit) { buffer, filled in
                while filled < limit {
                    let count = Glibc.read(number, buffer.baseAddress?.advanced(by: filled), limit - filled)
                    if count == 0 { return }
                    if count > 0 { filled += count } else if errno != EINTR { fault = FileFault("read", path); return }
                }
            }
            if let fault { throw fault }
            return bytes
        }

        /// Up to `count` bytes from `offset`; fewer only at the end of the file.
        borrowing func read(_ count: Int, at offset: Int) throws(FileFault) -> [UInt8] {
            guard lseek(number, off_t(offset), SEEK_SET) >= 0 else { throw FileFault("lseek", path) }
            return try read(count)
        }

        borrowing func write(_ bytes: [UInt8], at offset: Int) throws(FileFault) {
            guard lseek(number, off_t(offset), SEEK_SET) >= 0 else { throw FileFault("lseek", path) }
            try write(bytes)
        }

        borrowing func truncate(to size: Int) throws(FileFault) {
            guard ftruncate(number, off_t(size)) == 0 else { throw FileFault("ftruncate", path) }
        }

        borrowing func synchronize() throws(FileFault) {
            guard fsync(number) == 0 else { throw FileFault("fsync", path) }
        }
    }

    static func status(_ path: String) -> stat? {
        var status = stat()
        return stat(path, &status) == 0 ? status : nil
    }

    /// What stands there, in words.
    static func kind(_ path: String) -> String { flow_kind_at(path).map { String(cString: $0) } ?? "nothing" }

    static func exists(_ path: String) -> Bool { status(path) != nil }

    static func rename(_ old: String, to new: String) throws(FileFault) {
        guard Glibc.rename(old, new) == 0 else { throw FileFault("rename", new) }
    }

    static func remove(_ path: String) throws(FileFault) {
        guard unlink(path) == 0 else { throw FileFault("unlink", path) }
    }

    /// Copies a file to one that is not there yet, for its owner alone, durably.
    static func copy(_ path: String, to new: String) throws(FileFault) {
        let source = try Descriptor(opening: path, O_RDONLY)
        let target = try Descriptor(opening: new, O_WRONLY | O_CREAT | O_EXCL)
        while true {
            let part = try source.read(1 << 20)
            try target.write(part)
            if part.count < 1 << 20 { break }
        }
        try target.synchronize()
    }

    /// Makes renames and new files in the directory survive a power cut.
    static func synchronize(directory path: String) throws(FileFault) {
        try Descriptor(opening: path, O_RDONLY | O_DIRECTORY).synchronize()
    }

    /// Makes the directory and those above it, open to its owner only.
    static func makeDirectory(_ path: String) throws(FileFault) {
        if mkdir(path, 0o700) == 0 || errno == EEXIST { return }
        guard errno == ENOENT, let slash = path.lastIndex(of: "/"), slash != path.startIndex else {
            throw FileFault("mkdir", path)
        }
        try makeDirectory(String(path[..<slash]))
        guard mkdir(path, 0o700) == 0 || errno == EEXIST else { throw FileFault("mkdir", path) }
    }

    /// The directory that the path is in.
    static func folder(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return String(path[...slash])
    }

    /// The names in the directory, without `.` and `..`; none when it cannot be read.
    static func names(in path: String) -> [String] {
        guard let directory = opendir(path) else { return [] }
        defer { closedir(directory) }
        var names: [String] = []
        while let entry = readdir(directory) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names.sorted()
    }
}
