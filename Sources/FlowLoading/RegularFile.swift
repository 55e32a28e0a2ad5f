internal import CFlowShims
internal import Glibc

/// A file, opened without ever waiting. Whatever else has the name is not opened: a pipe that nobody writes to or a device would be
/// waited for, or read, without end.
package enum RegularFile {
    case opened(descriptor: Int32, bytes: Int)
    /// It is something else, in words: `a pipe`.
    case other(String)
    /// With the error's number.
    case failed(Int32)

    /// Why a file was not read.
    package enum Fault: Error, Hashable, Sendable {
        case missing
        case other(String)
        case tooLong(limit: Int)
        case failed(Int32)

        /// After "it was not read: " or the like.
        package var reason: String {
            switch self {
            case .missing: "there is none"
            case .other(let kind): "it is \(kind), not a file"
            case .tooLong(let limit): "it has more than \(limit) bytes"
            case .failed(let code): String(cString: strerror(code))
            }
        }
    }

    /// For reading, unless `flags` say otherwise.
    package static func open(_ path: String, _ flags: Int32 = O_RDONLY, mode: UInt32 = 0o600) -> RegularFile {
        var other: UnsafePointer<CChar>?
        let descriptor = flow_open_plain(path, flags, mode, &other)
        guard descriptor >= 0 else {
            let code = errno
            return other.map { .other(String(cString: $0)) } ?? .failed(code)
        }
        var facts = flow_file_facts()
        let code = flow_facts_of_descriptor(descriptor, &facts)
        guard code == 0 else {
            close(descriptor)
            return .failed(code)
        }
        return .opened(descriptor: descriptor, bytes: Int(facts.size))
    }

    /// All of it, and never more than `limit` bytes. Blocks for as long as the disk takes.
    package static func bytes(of path: String, limit: Int) throws(Fault) -> [UInt8] {
        let descriptor: Int32
        switch open(path) {
        case .opened(let opened, _): descriptor = opened
        case .other(let kind): throw .other(kind)
        case .failed(let code): throw code == ENOENT || code == ENOTDIR ? .missing : .failed(code)
        }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: min(limit + 1, 64 << 10))
        while bytes.count <= limit {
            let count = read(descriptor, &piece, piece.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw .failed(errno) }
            if count == 0 { return bytes }
            bytes += piece[..<count]
        }
        throw .tooLong(limit: limit)
    }
}
