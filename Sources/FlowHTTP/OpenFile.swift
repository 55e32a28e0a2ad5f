import CFlowShims
import Glibc

/// A file that is sent. Its methods block.
final class OpenFile: Sendable {
    let path: String
    let bytes: Int
    private let descriptor: Int32

    /// Throws `Failure.invalid` when it is not a file that can be read.
    init(_ path: String) throws(HTTP.Failure) {
        var other: UnsafePointer<CChar>?
        descriptor = flow_open_plain(path, O_RDONLY, 0, &other)
        self.path = path
        guard descriptor >= 0 else {
            throw .invalid("\(path): \(other.map { "it is \(String(cString: $0))" } ?? SystemError.text(errno))")
        }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else {
            let code = errno
            close(descriptor)
            throw .invalid("\(path): \(SystemError.text(code))")
        }
        bytes = Int(status.st_size)
    }

    deinit { close(descriptor) }

    /// At most `count` bytes from `offset`, at least one. Throws `Failure.other` when it cannot be read, or has become shorter.
    func read(at offset: Int, count: Int) throws(HTTP.Failure) -> [UInt8] {
        var code: Int32 = 0
        let piece = [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            var read = pread(descriptor, buffer.baseAddress, count, off_t(offset))
            while read < 0, errno == EINTR { read = pread(descriptor, buffer.baseAddress, count, off_t(offset)) }
            if read < 0 { code = errno }
            filled = max(0, read)
        }
        guard code == 0 else { throw .other("\(path): \(SystemError.text(code))") }
        guard !piece.isEmpty else { throw .other("\(path) became shorter while it was sent") }
        return piece
    }
}

/// The system's words for `errno`.
enum SystemError {
    static func text(_ code: Int32) -> String {
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: 256) { buffer in
            guard let start = buffer.baseAddress, strerror_r(code, start, buffer.count) == 0 else { return "error \(code)" }
            return String(cString: start)
        }
    }
}
