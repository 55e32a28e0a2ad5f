internal import Glibc

/// A file, opened for reading without ever waiting. Whatever else has the name is not opened: a pipe that nobody writes to or a device
/// would be waited for, or read, without end.
package enum RegularFile {
    case opened(descriptor: Int32, bytes: Int)
    /// It is something else, in words: `a pipe`.
    case other(String)
    /// With the error's number.
    case failed(Int32)

    package static func open(_ path: String) -> RegularFile {
        let descriptor = Glibc.open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)
        guard descriptor >= 0 else {
            // So a socket says that it cannot be opened.
            return errno == ENXIO ? .other("a socket") : .failed(errno)
        }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else {
            defer { close(descriptor) }
            return .failed(errno)
        }
        if status.st_mode & S_IFMT == S_IFREG { return .opened(descriptor: descriptor, bytes: Int(status.st_size)) }
        close(descriptor)
        let kinds = [S_IFDIR: "a directory", S_IFIFO: "a pipe"]
        return .other(kinds[status.st_mode & S_IFMT] ?? "a device")
    }
}
