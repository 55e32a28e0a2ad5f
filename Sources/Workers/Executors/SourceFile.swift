import CFlowShims
import FlowCrypto
import FlowModel
import FlowThreads
import Glibc

/// A file of this machine, in memory to be sent.
struct SourceFile: Sendable {
    var bytes: [UInt8]
    var digest: Digest
    /// Who may read, write and run it, in octal: what a new copy gets that is given no other.
    var mode: String

    /// Its length. Throws the failure when it is no file that can be sent.
    static func size(_ path: String, _ confinement: LaunchConfinement, for done: String) async throws(AttemptResult.Failure) -> Int {
        try await unwrap(done) { try openFile(path, confinement, done).closing { $0.size } }
    }

    /// - Parameter done: what is not done without it.
    static func read(_ path: String, _ confinement: LaunchConfinement, for done: String) async throws(AttemptResult.Failure) -> SourceFile {
        try await unwrap(done) {
            try openFile(path, confinement, done).closing { file in
                let bytes = try file.bytes()
                return SourceFile(bytes: bytes, digest: Digest(of: bytes), mode: String(file.mode & 0o777, radix: 8))
            }
        }
    }

    private static func unwrap<Value: Sendable>(
        _ done: String, _ body: @escaping @Sendable () throws -> Value
    ) async throws(AttemptResult.Failure) -> Value {
        do {
            return try await BlockingThreads.files.call(body)
        } catch let failure as AttemptResult.Failure {
            throw failure
        } catch {
            throw AttemptResult.Failure(.infrastructure, "nothing was \(done): \(error)")
        }
    }

    private struct Open {
        var path: String
        var done: String
        var descriptor: CInt
        var size: Int
        var mode: mode_t

        func closing<Value>(_ body: (Open) throws -> Value) rethrows -> Value {
            defer { close(descriptor) }
            return try body(self)
        }

        func bytes() throws -> [UInt8] {
            var more: UInt8 = 0
            // Files of /proc say that they are empty, and are not.
            guard size > 0 || Glibc.read(descriptor, &more, 1) <= 0 else {
                throw AttemptResult.Failure(
                    .input,
                    "nothing was \(done): \(path) has no size, and something in it, as files of /proc have: copy a file that a command wrote it to")
            }
            return try [UInt8](unsafeUninitializedCapacity: size) { buffer, done in
                while done < size {
                    let got = Glibc.read(descriptor, buffer.baseAddress.map { $0 + done }, size - done)
                    if got < 0, errno == EINTR { continue }
                    guard got > 0 else {
                        let reason = got == 0 ? "it became shorter while it was read" : String(cString: strerror(errno))
                        throw AttemptResult.Failure(.infrastructure, "nothing was \(done): \(path) could not be read: \(reason)")
                    }
                    done += got
                }
            }
        }
    }

    /// Reads with the reach that a command of the author would have, not with the engine's.
    private static func openFile(_ path: String, _ confinement: LaunchConfinement, _ done: String) throws -> Open {
        let account = confinement.account
        let descriptor = flow_open_as(path, account.map { Int64($0.user) } ?? -1, account.map { Int64($0.group) } ?? -1)
        guard descriptor >= 0 else {
            let reason = String(cString: strerror(errno))
            throw AttemptResult.Failure(.input, "nothing was \(done): \(path) could not be opened: \(reason)")
        }
        guard let real = realPath(descriptor), !confinement.hides(real) else {
            close(descriptor)
            throw AttemptResult.Failure(.input, "nothing was \(done): \(path) is one of the engine's own files")
        }
        var status = stat()
        let isFile = fstat(descriptor, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
        let size = Int(status.st_size)
        guard isFile, size <= Limits.copyBytes else {
            close(descriptor)
            let reason = isFile ? "it has \(size) bytes; at most \(Limits.copyBytes) are copied" : "it is not a plain file"
            throw AttemptResult.Failure(.input, "nothing was \(done): \(path): \(reason)")
        }
        return Open(path: path, done: done, descriptor: descriptor, size: size, mode: status.st_mode)
    }

    private static func realPath(_ descriptor: CInt) -> String? {
        var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
        let count = readlink("/proc/self/fd/\(descriptor)", &buffer, buffer.count)
        guard count > 0, count < buffer.count else { return nil }
        return String(decoding: buffer.prefix(count).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
