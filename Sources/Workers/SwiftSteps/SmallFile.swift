import CFlowShims
import Glibc

/// Small files that are on the disk when the call returns. Blocks.
enum SmallFile {
    /// The content; nil when there is no such file. What is no file (a pipe is waited for, a device read for ever) or too long is refused.
    static func read(_ path: String) throws -> [UInt8]? {
        var other: UnsafePointer<CChar>?
        let file = flow_open_plain(path, O_RDONLY, 0, &other)
        guard file >= 0 else {
            if errno == ENOENT { return nil }
            throw CallError("\(path) could not be read", other)
        }
        defer { close(file) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 16 << 10)
        while true {
            let got = Glibc.read(file, &buffer, buffer.count)
            if got < 0, errno == EINTR { continue }
            guard got >= 0 else { throw CallError("\(path) could not be read") }
            if got == 0 { return bytes }
            bytes += buffer.prefix(got)
            guard bytes.count <= WorkerLimits.smallFileBytes else { throw CallError("\(path) could not be read", EFBIG) }
        }
    }

    /// The first line of a file that is there.
    static func line(_ path: String) throws -> String {
        guard let bytes = try read(path) else { throw CallError("\(path) could not be read", ENOENT) }
        return String(decoding: bytes.prefix { $0 != 0x0A }, as: UTF8.self)
    }

    /// Replaces the file: write, fsync, rename, and the directory.
    static func write(_ path: String, _ bytes: [UInt8]) throws {
        let fresh = path + ".new"
        try fill(fresh, bytes, mode: 0o600)
        guard rename(fresh, path) == 0 else { throw CallError("\(path) could not be written") }
        try syncFolder(of: path)
    }

    /// Makes the file unless another was faster.
    static func createOnce(_ path: String, _ text: String) throws {
        // Several tasks may come at once.
        let fresh = "\(path).\(UInt64.random(in: 0 ... .max))"
        try fill(fresh, Array(text.utf8), mode: 0o600)
        defer { unlink(fresh) }
        // A link is made whole or not at all.
        guard link(fresh, path) == 0 || errno == EEXIST else { throw CallError("\(path) could not be made") }
        try syncFolder(of: path)
    }

    /// Writes a new file, or over an old one, and syncs it.
    static func fill(_ path: String, _ bytes: [UInt8], mode: mode_t) throws {
        let file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, mode)
        guard file >= 0 else { throw CallError("\(path) could not be written") }
        defer { close(file) }
        var done = 0
        while done < bytes.count {
            let written = bytes.withUnsafeBytes { Glibc.write(file, $0.baseAddress.map { $0 + done }, $0.count - done) }
            if written < 0, errno == EINTR { continue }
            guard written > 0 else { throw CallError("\(path) could not be written") }
            done += written
        }
        guard fsync(file) == 0 else { throw CallError("\(path) could not be written") }
    }

    private static func syncFolder(of path: String) throws {
        let folder = path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "."
        let file = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard file >= 0 else { throw CallError("\(folder) could not be synced") }
        defer { close(file) }
        guard fsync(file) == 0 else { throw CallError("\(folder) could not be synced") }
    }
}
