import FlowModel
import Glibc

import struct Crypto.SHA256

/// A file of this machine, in memory to be sent.
struct SourceFile: Sendable {
    var bytes: [UInt8]
    var digest: Digest

    /// Its length. Throws the failure when it is no file that can be sent.
    static func size(_ path: String) async throws(AttemptResult.Failure) -> Int {
        try await unwrap { try openFile(path).closing { $0.size } }
    }

    static func read(_ path: String) async throws(AttemptResult.Failure) -> SourceFile {
        try await unwrap {
            try openFile(path).closing { file in
                let bytes = try file.bytes()
                return SourceFile(bytes: bytes, digest: Digest(bytes: SHA256.hash(data: bytes)))
            }
        }
    }

    private static func unwrap<Value: Sendable>(
        _ body: @escaping @Sendable () throws -> Value
    ) async throws(AttemptResult.Failure) -> Value {
        do {
            return try await BlockingThreads.files.call(body)
        } catch let failure as AttemptResult.Failure {
            throw failure
        } catch {
            throw AttemptResult.Failure(.infrastructure, "nothing was copied: \(error)")
        }
    }

    private struct Open {
        var path: String
        var descriptor: CInt
        var size: Int

        func closing<Value>(_ body: (Open) throws -> Value) rethrows -> Value {
            defer { close(descriptor) }
            return try body(self)
        }

        func bytes() throws -> [UInt8] {
            try [UInt8](unsafeUninitializedCapacity: size) { buffer, done in
                while done < size {
                    let got = Glibc.read(descriptor, buffer.baseAddress.map { $0 + done }, size - done)
                    if got < 0, errno == EINTR { continue }
                    guard got > 0 else {
                        let reason = got == 0 ? "it became shorter while it was read" : String(cString: strerror(errno))
                        throw AttemptResult.Failure(.infrastructure, "nothing was copied: \(path) could not be read: \(reason)")
                    }
                    done += got
                }
            }
        }
    }

    private static func openFile(_ path: String) throws -> Open {
        // Without O_NONBLOCK a pipe would hold the thread until somebody writes.
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else {
            let reason = String(cString: strerror(errno))
            throw AttemptResult.Failure(.input, "nothing was copied: \(path) could not be opened: \(reason)")
        }
        var status = stat()
        let isFile = fstat(descriptor, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
        let size = Int(status.st_size)
        guard isFile, size <= Limits.copyBytes else {
            close(descriptor)
            let reason = isFile ? "it has \(size) bytes; at most \(Limits.copyBytes) are copied" : "it is not a plain file"
            throw AttemptResult.Failure(.input, "nothing was copied: \(path): \(reason)")
        }
        return Open(path: path, descriptor: descriptor, size: size)
    }
}
