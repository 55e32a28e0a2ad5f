import FlowCommand
import FlowCrypto
import FlowLoading
import FlowModel
import Glibc
import NIOPosix

/// Files of this machine.
struct LocalFiles: FileAccess {
    func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }

    func sha256(_ bytes: [UInt8]) -> Digest { Digest(of: bytes) }

    func read(_ path: String, limit: Int) async throws(FlowError) -> [UInt8] {
        try await onThread { () throws(FlowError) in
            let descriptor = path == "-" ? STDIN_FILENO : try LocalFiles.openFile(path)
            defer { if path != "-" { close(descriptor) } }
            var bytes: [UInt8] = []
            var piece = [UInt8](repeating: 0, count: 64 << 10)
            while true {
                let count = Glibc.read(descriptor, &piece, piece.count)
                if count < 0, errno == EINTR { continue }
                guard count >= 0 else { throw LocalFiles.unreadable(path, errno) }
                guard count > 0 else { return bytes }
                bytes += piece[..<count]
                guard bytes.count <= limit else {
                    throw FlowError(.tooLarge, subject: path, "\(path) was not read: it has more than \(limit) bytes.")
                }
            }
        }
    }

    func create(_ path: String, contents: [UInt8]) async throws(FlowError) {
        try await onThread { () throws(FlowError) in
            try LocalFiles.makeFolder(of: path)
            let descriptor = try LocalFiles.createFile(path, mode: 0o644)
            defer { close(descriptor) }
            try LocalFiles.write(contents, to: descriptor, path)
        }
    }

    func receive(
        _ path: String, from produce: (_ write: ([UInt8]) async throws -> Void) async throws -> Void
    ) async throws {
        try await receive(path, from: produce) { _ throws(FlowError) in }
    }

    /// - Parameter check: is given the file that was written aside, before it gets its name.
    private func receive(
        _ path: String, from produce: (_ write: ([UInt8]) async throws -> Void) async throws -> Void,
        check: @escaping @Sendable (_ draft: String) throws(FlowError) -> Void
    ) async throws {
        // Written aside: a command that is killed leaves nothing that could be taken for the file.
        let draft = path + ".incomplete"
        // A backup holds everything that the home does: it is its owner's alone.
        let descriptor = try await onThread { () throws(FlowError) in
            guard access(path, F_OK) != 0 else { throw LocalFiles.exists(path) }
            return try LocalFiles.createDraft(draft)
        }
        do {
            try await produce { bytes in
                try await onThread { () throws(FlowError) in try LocalFiles.write(bytes, to: descriptor, path) }
            }
            try await onThread { () throws(FlowError) in
                guard fsync(descriptor) == 0 else { throw LocalFiles.unwritable(path, errno) }
                try check(draft)
                // Does not replace what came meanwhile, as a rename would.
                guard link(draft, path) == 0 else { throw errno == EEXIST ? LocalFiles.exists(path) : LocalFiles.unwritable(path, errno) }
                try LocalFiles.synchronizeFolder(of: path)
            }
            unlink(draft)
            close(descriptor)
        } catch {
            unlink(draft)
            close(descriptor)
            throw error
        }
    }

    func download(
        _ path: String, as digest: Digest, from produce: (_ write: ([UInt8]) async throws -> Void) async throws -> Void
    ) async throws -> Bool {
        if exists(path), try await onThread({ () throws(FlowError) in try LocalFiles.digest(of: path) }) == digest { return false }
        try await onThread { () throws(FlowError) in try LocalFiles.makeFolder(of: path) }
        try await receive(path, from: produce) { draft throws(FlowError) in
            let found = try LocalFiles.digest(of: draft)
            guard found == digest else {
                throw FlowError(
                    .storage, subject: path, "\(path) was not written: its SHA-256 is \(found), that of the artifact is \(digest).",
                    hint: "once more; then flowctl doctor")
            }
        }
        return true
    }

    private static func digest(of path: String) throws(FlowError) -> Digest {
        let descriptor = try openFile(path)
        defer { close(descriptor) }
        var digest = RunningDigest()
        var piece = [UInt8](repeating: 0, count: 256 << 10)
        while true {
            let count = Glibc.read(descriptor, &piece, piece.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw unreadable(path, errno) }
            guard count > 0 else { return digest.finish() }
            digest.update(Array(piece[..<count]))
        }
    }

    // MARK: - Blocking

    private func onThread<Value: Sendable>(
        _ work: @escaping @Sendable () throws(FlowError) -> Value
    ) async throws(FlowError) -> Value {
        do {
            return try await NIOThreadPool.singleton.runIfActive { try work() }
        } catch let error as FlowError {
            throw error
        } catch {
            throw FlowError(.storage, subject: "files", "No thread could be started to work with files: \(error).")
        }
    }

    private static func makeFolder(of path: String) throws(FlowError) {
        var folder = ""
        for part in path.split(separator: "/", omittingEmptySubsequences: false).dropLast() {
            folder += part.isEmpty ? (folder.isEmpty ? "/" : "") : (folder.hasSuffix("/") || folder.isEmpty ? "" : "/") + part
            guard !folder.isEmpty, access(folder, F_OK) != 0 else { continue }
            guard mkdir(folder, 0o777) == 0 || errno == EEXIST else { throw unwritable(folder, errno) }
        }
    }

    private static func openFile(_ path: String) throws(FlowError) -> Int32 {
        switch RegularFile.open(path) {
        case .opened(let descriptor, _): return descriptor
        case .failed(let code): throw unreadable(path, code)
        case .other(let kind):
            throw FlowError(
                .usage, subject: path, "\(path) was not read: it is \(kind), not a file.",
                hint: "give a file, or - and write to standard input")
        }
    }

    private static func createFile(_ path: String, mode: mode_t) throws(FlowError) -> Int32 {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode)
        guard descriptor >= 0 else {
            throw errno == EEXIST ? exists(path) : unwritable(path, errno)
        }
        return descriptor
    }

    private static func exists(_ path: String) -> FlowError {
        FlowError(
            .conflict, subject: path, "\(path) was not written: it exists, and nothing is written over.", hint: "choose another name, or remove it")
    }

    /// A file that is only ours until it is closed; what a killed command has left of it is used again.
    private static func createDraft(_ path: String) throws(FlowError) -> Int32 {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else { throw unwritable(path, errno) }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0, ftruncate(descriptor, 0) == 0, fchmod(descriptor, 0o600) == 0 else {
            let code = errno
            close(descriptor)
            guard code == EWOULDBLOCK else { throw unwritable(path, code) }
            throw FlowError(.conflict, subject: path, "\(path) was not written: another command is writing it.", hint: "choose another name")
        }
        return descriptor
    }

    private static func synchronizeFolder(of path: String) throws(FlowError) {
        let folder = String(path[...(path.lastIndex(of: "/") ?? path.startIndex)])
        let descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw unwritable(folder, errno) }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw unwritable(folder, errno) }
    }

    private static func write(_ bytes: [UInt8], to descriptor: Int32, _ path: String) throws(FlowError) {
        var failure: Int32 = 0
        bytes.withUnsafeBytes { buffer in
            var done = 0
            while done < buffer.count, failure == 0 {
                let count = Glibc.write(descriptor, buffer.baseAddress?.advanced(by: done), buffer.count - done)
                if count >= 0 { done += count } else if errno != EINTR { failure = errno }
            }
        }
        guard failure == 0 else { throw unwritable(path, failure) }
    }

    private static func unreadable(_ path: String, _ code: Int32) -> FlowError {
        FlowError(
            code == ENOENT ? .notFound : .storage, subject: path, "\(path) cannot be read: \(String(cString: strerror(code))).")
    }

    private static func unwritable(_ path: String, _ code: Int32) -> FlowError {
        FlowError(.storage, subject: path, "\(path) cannot be written: \(String(cString: strerror(code))).")
    }
}
