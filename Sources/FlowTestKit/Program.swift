import FlowThreads
import Glibc
internal import Synchronization
internal import Workers

/// A program that a test started in a session of its own, with nothing on its standard input. What it writes goes to files without a
/// name, so that it never waits for the test and nothing is left behind.
///
/// It is killed when nobody holds it any more. A thread of its own waits for its end: nothing is shared with what is tested.
package final class Program: Sendable {
    package let pid: Int32
    private let files: (out: UnnamedFile, err: UnnamedFile)
    private let end = End()

    /// - Parameter environment: all that it has.
    package init(_ path: String, _ arguments: [String], environment: [String: String], in folder: String) throws {
        files = (try UnnamedFile(), try UnnamedFile())
        let (pid, pidfd) = try Launch(
            program: .path(path), arguments: [path] + arguments, environment: environment, folder: folder,
            descriptors: [-1, files.out.descriptor, files.err.descriptor]
        ).start()
        close(pidfd)
        self.pid = pid
        let end = end
        let isWatched = OwnThread.start {
            var status: Int32 = 0
            while waitpid(pid, &status, 0) < 0, errno == EINTR {}
            end.set(status & 0x7F == 0 ? status >> 8 & 0xFF : 128 + status & 0x7F)
        }
        guard isWatched else { throw LabError("no thread is left to wait for \(path)") }
    }

    deinit { signal(SIGKILL) }

    /// Its exit status, or 128 and the number of the signal that ended it, as a shell says it; nil while it runs.
    package var status: Int32? { end.status }
    package var isAlive: Bool { status == nil }
    /// What it has written to standard output until now.
    package var output: String { files.out.text }
    /// What it has written to standard error until now.
    package var errors: String { files.err.text }

    /// Waits for its end.
    package func ended() async { await end.reached() }

    /// Signals this one process; nothing when it has ended.
    package func signal(_ number: Int32) { if isAlive { _ = Glibc.kill(pid, number) } }

    /// `kill -9`, and waits for the end.
    package func kill() async {
        signal(SIGKILL)
        await ended()
    }
}

/// When a program ended, and how.
private final class End: Sendable {
    private struct State {
        var status: Int32?
        var waiting: [CheckedContinuation<Void, Never>] = []
    }

    private let state = Mutex(State())

    var status: Int32? { state.withLock { $0.status } }

    func set(_ status: Int32) {
        let waiting = state.withLock { state in
            state.status = status
            defer { state.waiting = [] }
            return state.waiting
        }
        for continuation in waiting { continuation.resume() }
    }

    func reached() async {
        await withCheckedContinuation { continuation in
            let isOver = state.withLock { state in
                if state.status == nil { state.waiting.append(continuation) }
                return state.status != nil
            }
            if isOver { continuation.resume() }
        }
    }
}

/// A file in the directory for temporary files that goes when it is closed.
private final class UnnamedFile: Sendable {
    let descriptor: CInt

    init() throws {
        let name = "/tmp/flow-said-\(UInt64.random(in: 0 ... .max))"
        descriptor = open(name, O_RDWR | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw LabError("no file can be made in /tmp: \(String(cString: strerror(errno)))") }
        unlink(name)
    }

    deinit { close(descriptor) }

    var text: String {
        var bytes: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 65_536)
        while case let count = pread(descriptor, &piece, piece.count, off_t(bytes.count)), count > 0 { bytes += piece[..<count] }
        return String(decoding: bytes, as: UTF8.self)
    }
}
