import CFlowShims
import FlowCrypto
import FlowModel
import FlowThreads
import Glibc
import Synchronization

/// A file on its way in from a host, in one attempt.
///
/// What has come of it is taken up where it stands: after a lost connection, and by the next engine. Not after a start of the machine, which may
/// have cut what was written or left holes in it: its name has the boot id.
final class IncomingFile: Sendable {
    private struct State {
        var descriptor: CInt
        var taken: Int
    }

    let path: String
    private let state: Mutex<State>

    private init(path: String, _ state: State) {
        self.path = path
        self.state = Mutex(state)
    }

    deinit { state.withLock { _ = close($0.descriptor) } }

    /// Opens what there is of it. `folder` is made when it is not there.
    static func open(_ id: AttemptID, in folder: String) async throws -> IncomingFile {
        try await BlockingThreads.files.call {
            mkdir(folder, 0o700)
            let name = name(of: id)
            let path = "\(folder)/\(name)\(try SmallFile.line("/proc/sys/kernel/random/boot_id"))"
            try remove(name, in: folder, except: path)
            var other: UnsafePointer<CChar>?
            let descriptor = flow_open_plain(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600, &other)
            guard descriptor >= 0 else { throw CallError("\(path) could not be opened", other) }
            var status = stat()
            guard fstat(descriptor, &status) == 0 else { throw CallError("\(path) could not be read") }
            return IncomingFile(path: path, State(descriptor: descriptor, taken: Int(status.st_size)))
        }
    }

    /// Removes what there is of it.
    static func remove(_ id: AttemptID, in folder: String) async throws {
        try await BlockingThreads.files.call { try remove(name(of: id), in: folder, except: nil) }
    }

    var taken: Int { state.withLock { $0.taken } }

    /// Takes what the host has from `offset` on; what is here already is passed over.
    func take(_ bytes: [UInt8], at offset: Int) async throws {
        try await BlockingThreads.files.call { [self] in
            try state.withLock { state in
                guard offset <= state.taken else {
                    throw CallError("the host left out bytes from \(state.taken) to \(offset)", EPROTO)
                }
                let fresh = bytes.dropFirst(state.taken - offset)
                var done = 0
                while done < fresh.count {
                    let written = fresh.withUnsafeBytes {
                        pwrite(state.descriptor, $0.baseAddress.map { $0 + done }, $0.count - done, off_t(state.taken + done))
                    }
                    if written < 0, errno == EINTR { continue }
                    // What was written of it is written again.
                    guard written > 0 else { throw CallError("\(path) could not be written", written == 0 ? ENOSPC : errno) }
                    done += written
                }
                state.taken += done
            }
        }
    }

    /// The digest of all that has come.
    func digest() async throws -> Digest {
        try await BlockingThreads.files.call { [self] in
            try state.withLock { state in
                var digest = RunningDigest()
                var done = 0
                while done < state.taken {
                    let count = min(WorkerLimits.fetchPieceBytes, state.taken - done)
                    var got = 0
                    let piece = [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
                        repeat { got = pread(state.descriptor, buffer.baseAddress, count, off_t(done)) } while got < 0 && errno == EINTR
                        filled = max(0, got)
                    }
                    guard got > 0 else { throw CallError("\(path) could not be read", got == 0 ? EIO : errno) }
                    digest.update(piece)
                    done += got
                }
                return digest.finish()
            }
        }
    }

    // MARK: - Names

    private static func name(of id: AttemptID) -> String { "\(Digest(of: "\(id.run)/\(id.step)".utf8).hex).\(id.number)." }

    private static func remove(_ name: String, in folder: String, except kept: String?) throws {
        for file in try FolderNames.of(folder) where file.hasPrefix(name) && "\(folder)/\(file)" != kept {
            guard unlink("\(folder)/\(file)") == 0 || errno == ENOENT else { throw CallError("\(folder)/\(file) could not be removed") }
        }
    }
}
