import CFlowShims
import FlowCrypto
package import FlowModel
import FlowThreads
import Glibc

/// What attempts wrote, in files under one directory:
///
///     RUN/STEP/NUMBER.stdout      RUN/STEP/NUMBER.stderr
///
/// STEP is percent-encoded. A stream without a byte has no file. Files grow while the attempt runs and can be read then. Secrets are
/// masked before a byte gets here.
package struct OutputStore: Sendable {
    private let folder: String

    /// `folder` is made with the first output.
    package init(folder: String) { self.folder = folder }

    /// At most `limit` bytes (and never more than 1 MiB) from `offset`; empty at the end of what is there so far.
    package func read(
        _ run: RunID, _ step: StepPath, attempt: Int, stream: HostStream, offset: Int, limit: Int
    ) async throws -> [UInt8] {
        let path = path(run, step, attempt, stream)
        let count = max(0, min(limit, WorkerLimits.outputReadBytes))
        return try await BlockingThreads.files.call { try OutputStore.read(path, at: max(0, offset), count: count) }
    }

    /// How many bytes of the stream are there so far.
    package func size(_ run: RunID, _ step: StepPath, attempt: Int, stream: HostStream) async throws -> Int {
        let path = path(run, step, attempt, stream)
        return try await BlockingThreads.files.call { try OutputStore.status(path).map { Int($0.st_size) } ?? 0 }
    }

    /// The last line of the stream that was written last, at most 200 characters, without control characters; nil when there is none.
    package func lastLine(_ run: RunID, _ step: StepPath, attempt: Int) async throws -> String? {
        // Of two that are equally new, errors say more.
        let paths = [HostStream.stderr, .stdout].map { path(run, step, attempt, $0) }
        return try await BlockingThreads.files.call {
            var newest: (path: String, status: stat)?
            for path in paths {
                guard let status = try OutputStore.status(path), status.st_size > 0 else { continue }
                if let found = newest, !OutputStore.isNewer(status, than: found.status) { continue }
                newest = (path, status)
            }
            guard let newest else { return nil }
            let size = Int(newest.status.st_size)
            let start = max(0, size - WorkerLimits.lastLineBytes)
            return OutputText.lastLine(try OutputStore.read(newest.path, at: start, count: size - start))
        }
    }

    /// Removes all output of a run.
    package func remove(_ run: RunID) async throws {
        let path = "\(folder)/\(run)"
        try await BlockingThreads.files.call { try OutputStore.removeTree(path) }
    }

    /// The runs that have output.
    package func runs() async throws -> [RunID] {
        let folder = folder
        return try await BlockingThreads.files.call { try FolderNames.of(folder).compactMap { RunID($0) } }
    }

    // MARK: - Paths

    func path(_ run: RunID, _ step: StepPath, _ attempt: Int, _ stream: HostStream) -> String {
        "\(folder)/\(run)/\(OutputStore.name(of: step))/\(attempt).\(stream.rawValue)"
    }

    /// The step's path, percent-encoded; one too long for a file name ends with its digest.
    private static func name(of step: StepPath) -> String {
        let plain = Set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)
        let digits = Array("0123456789ABCDEF".utf8)
        let encoded = step.text.utf8.flatMap { plain.contains($0) ? [$0] : [UInt8(ascii: "%"), digits[Int($0 >> 4)], digits[Int($0 & 15)]] }
        let name = String(decoding: encoded, as: UTF8.self)
        guard encoded.count > 200 else { return name }
        return name.prefix(120) + "." + Digest(of: step.text.utf8).hex
    }

    // MARK: - Files

    /// Opens the file for appending; makes it and its directories, for their owner alone.
    static func open(_ path: String) throws -> CInt {
        let flags = O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW
        var other: UnsafePointer<CChar>?
        var file = flow_open_plain(path, flags, 0o600, &other)
        if file < 0, errno == ENOENT {
            let parts = path.split(separator: "/", omittingEmptySubsequences: false).dropLast()
            for count in 2...max(2, parts.count) where count <= parts.count {
                guard mkdir(parts.prefix(count).joined(separator: "/"), 0o700) == 0 || errno == EEXIST else {
                    throw CallError("output file \(path) could not be made")
                }
            }
            file = flow_open_plain(path, flags, 0o600, &other)
        }
        guard file >= 0 else { throw CallError("output file \(path) could not be opened", other) }
        return file
    }

    private static func read(_ path: String, at offset: Int, count: Int) throws -> [UInt8] {
        var other: UnsafePointer<CChar>?
        let file = flow_open_plain(path, O_RDONLY | O_NOFOLLOW, 0, &other)
        guard file >= 0 else {
            if errno == ENOENT { return [] }
            throw CallError("output file \(path) could not be read", other)
        }
        defer { close(file) }
        var status = stat()
        guard fstat(file, &status) == 0 else { throw CallError("output file \(path) could not be read") }
        let count = min(count, Int(status.st_size) - offset)
        guard count > 0 else { return [] }
        return try [UInt8](unsafeUninitializedCapacity: count) { buffer, done in
            while done < count {
                let got = pread(file, buffer.baseAddress.map { $0 + done }, count - done, off_t(offset + done))
                if got < 0, errno == EINTR { continue }
                guard got >= 0 else { throw CallError("output file \(path) could not be read") }
                guard got > 0 else { return }
                done += got
            }
        }
    }

    private static func status(_ path: String) throws -> stat? {
        var status = stat()
        guard lstat(path, &status) == 0 else {
            if errno == ENOENT { return nil }
            throw CallError("output file \(path) could not be read")
        }
        return status
    }

    private static func isNewer(_ one: stat, than other: stat) -> Bool {
        (one.st_mtim.tv_sec, one.st_mtim.tv_nsec) > (other.st_mtim.tv_sec, other.st_mtim.tv_nsec)
    }

    private static func removeTree(_ path: String) throws {
        var status = stat()
        guard lstat(path, &status) == 0 else { return }
        if status.st_mode & S_IFMT == S_IFDIR {
            for name in try FolderNames.of(path) { try removeTree("\(path)/\(name)") }
            guard rmdir(path) == 0 || errno == ENOENT else { throw CallError("directory \(path) could not be removed") }
        } else {
            guard unlink(path) == 0 || errno == ENOENT else { throw CallError("output file \(path) could not be removed") }
        }
    }
}
