internal import FlowModel
internal import Glibc

/// The file system, with errors that say what was not done and why.
enum Files {
    /// Identifies a file's content without reading it.
    struct Stamp: Hashable {
        var path: String
        var bytes: Int
        var modifiedNanoseconds: Int
        var inode: UInt64

        var text: String { "\(path)\u{0}\(bytes)\u{0}\(modifiedNanoseconds)\u{0}\(inode)" }
    }

    static func read(_ path: String, limit: Int) throws(FlowError) -> [UInt8] {
        let (descriptor, size): (Int32, Int)
        switch RegularFile.open(path) {
        case .opened(let opened, let bytes): (descriptor, size) = (opened, bytes)
        case .other(let kind): throw FlowError(.load, subject: path, "cannot read '\(path)': it is \(kind), not a file")
        case .failed(let code):
            errno = code
            throw failure("read", path)
        }
        defer { close(descriptor) }
        guard size <= limit else {
            throw FlowError(.tooLarge, subject: path, "'\(path)' was not read: it has \(size) bytes, \(limit) are allowed")
        }
        var bytes = [UInt8](repeating: 0, count: size)
        var filled = 0
        while filled < bytes.count {
            let got = bytes.withUnsafeMutableBytes { buffer in
                Glibc.read(descriptor, buffer.baseAddress?.advanced(by: filled), buffer.count - filled)
            }
            if got < 0, errno == EINTR { continue }
            guard got >= 0 else { throw failure("read", path) }
            if got == 0 { break }
            filled += got
        }
        return Array(bytes.prefix(filled))
    }

    static func write(_ bytes: [UInt8], to path: String, mode: mode_t = 0o600) throws(FlowError) {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode)
        guard descriptor >= 0 else { throw failure("write", path) }
        defer { close(descriptor) }
        var rest = bytes[...]
        while !rest.isEmpty {
            let written = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if written < 0, errno == EINTR { continue }
            guard written >= 0 else { throw failure("write", path) }
            rest = rest.dropFirst(written)
        }
    }

    static func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }
    /// Whether anything is there, also a link to nothing.
    static func isThere(_ path: String) -> Bool {
        var status = stat()
        return lstat(path, &status) == 0
    }

    static func isExecutable(_ path: String) -> Bool { access(path, X_OK) == 0 }

    /// The path with every link followed; nil when there is nothing.
    static func real(_ path: String) -> String? {
        guard let resolved = realpath(path, nil) else { return nil }
        defer { free(resolved) }
        return String(cString: resolved)
    }

    static func stamp(_ path: String) -> Stamp? {
        var status = stat()
        guard let path = real(path), stat(path, &status) == 0 else { return nil }
        return Stamp(
            path: path, bytes: Int(status.st_size),
            modifiedNanoseconds: status.st_mtim.tv_sec * 1_000_000_000 + status.st_mtim.tv_nsec, inode: UInt64(status.st_ino))
    }

    /// The names in a folder, sorted; empty when it cannot be read.
    static func names(in folder: String) -> [String] {
        guard let stream = opendir(folder) else { return [] }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = Glibc.readdir(stream) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names.sorted()
    }

    /// Makes the folder and those above it, for this user only.
    static func makeFolder(_ path: String) throws(FlowError) {
        if mkdir(path, 0o700) == 0 || errno == EEXIST { return }
        guard errno == ENOENT, let parent = folder(of: path), parent != path else { throw failure("make folder", path) }
        try makeFolder(parent)
        guard mkdir(path, 0o700) == 0 || errno == EEXIST else { throw failure("make folder", path) }
    }

    /// Removes what is there, whatever it is. What cannot be removed stays: it is only cache.
    static func remove(_ path: String) {
        if unlink(path) != 0 { removeFolder(path) }
    }

    /// Removes a folder of plain files and folders. What cannot be removed stays: it is only cache.
    static func removeFolder(_ path: String) {
        for name in names(in: path) {
            remove("\(path)/\(name)")
        }
        rmdir(path)
    }

    static func folder(of path: String) -> String? {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }

    static func name(of path: String) -> String { String(path.split(separator: "/").last ?? "") }

    static func failure(_ verb: String, _ path: String) -> FlowError {
        let reason = String(cString: strerror(errno))
        let code: FlowError.Code = errno == ENOENT ? .notFound : errno == ENOSPC || errno == EROFS ? .storage : .load
        return FlowError(code, subject: path, "cannot \(verb) '\(path)': \(reason)")
    }
}
