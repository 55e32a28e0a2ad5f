import CFlowShims
import FlowThreads
import Glibc
import Synchronization

/// Certificates and key of a request, in PEM.
struct TLSMaterial: Sendable {
    var authorities: [UInt8]?
    var certificate: [UInt8]?
    var key: [UInt8]?
}

/// Reads the files of certificates and keys.
final class TLSFiles: Sendable {
    /// Bytes of one: Debian's list of authorities has 220,000.
    static let largestBytes = 4 << 20
    /// Pipes that are kept, the newest.
    private static let keptPipes = 16

    private struct Pipe {
        let path: String
        let content: Reply<[UInt8]>
    }

    /// Those of bodies are others: a pipe that is waited for keeps one busy.
    private let threads = BlockingThreads(limit: 4)
    private let pipes = Mutex<[Pipe]>([])

    /// Throws `Failure.tls` for the first that cannot be read until then, `seconds` from now.
    func read(_ tls: HTTP.Request.TLS, until end: ContinuousClock.Instant, seconds: Double) async throws -> TLSMaterial {
        TLSMaterial(
            authorities: try await read(tls.authorities, until: end, seconds), certificate: try await read(tls.certificate, until: end, seconds),
            key: try await read(tls.key, until: end, seconds))
    }

    private func read(_ pem: HTTP.Request.TLS.PEM?, until end: ContinuousClock.Instant, _ seconds: Double) async throws -> [UInt8]? {
        switch pem {
        case nil: return nil
        case .bytes(let bytes):
            guard bytes.count <= Self.largestBytes else {
                throw HTTP.Failure.tls(.unreadable("certificates or a key that are given have more than \(Self.largestBytes) bytes"))
            }
            return bytes
        case .file(let path):
            let late = HTTP.Failure.tls(.unreadable("\(path) could not be read within \(seconds) s"))
            let opened = try await threads.call(until: end) { try TLSFile(path) }
            guard let opened else { throw late }
            let bytes = opened.isPipe ? try await piped(opened, until: end) : try await threads.call(until: end) { try opened.read(until: end) }
            guard let bytes else { throw late }
            return bytes
        }
    }

    /// What the pipe says, or has said.
    private func piped(_ file: TLSFile, until end: ContinuousClock.Instant) async throws -> [UInt8]? {
        let (content, isNew) = pipes.withLock { pipes -> (Reply<[UInt8]>, Bool) in
            if let known = pipes.first(where: { $0.path == file.path }) { return (known.content, false) }
            let new = Pipe(path: file.path, content: Reply())
            pipes.append(new)
            if pipes.count > Self.keptPipes { pipes.removeFirst() }
            return (new.content, true)
        }
        if isNew {
            threads.run { [self] in
                let result = Result { try file.read(until: end) }
                // Who comes later tries again.
                if case .failure = result { pipes.withLock { $0.removeAll { $0.content === content } } }
                content.settle(result)
            }
        }
        let mine = Reply<[UInt8]?>()
        content.whenSettled { mine.settle($0.map { $0 }) }
        return try await mine.value(until: end)
    }
}

/// A file of certificates or of a key, open. Its methods block.
private final class TLSFile: Sendable {
    let path: String
    let isPipe: Bool
    private let descriptor: Int32

    /// Throws `Failure.tls`, also for what is neither a file nor a pipe. Does not wait for somebody who writes to a pipe.
    init(_ path: String) throws(HTTP.Failure) {
        // Looked at before: to open a device can have an effect of its own. And behind it: it may have been replaced in between.
        _ = try Self.isPipe(path) { flow_facts_of_path(path, $0) }
        self.path = path
        descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)
        guard descriptor >= 0 else { throw .tls(.unreadable("\(path) cannot be read: \(SystemError.text(errno))")) }
        do throws(HTTP.Failure) {
            let descriptor = descriptor
            isPipe = try Self.isPipe(path) { flow_facts_of_descriptor(descriptor, $0) }
        } catch {
            close(descriptor)
            throw error
        }
    }

    /// Throws for what is neither a pipe nor a file.
    private static func isPipe(_ path: String, _ look: (UnsafeMutablePointer<flow_file_facts>) -> Int32) throws(HTTP.Failure) -> Bool {
        var facts = flow_file_facts()
        let code = look(&facts)
        guard code == 0 else { throw .tls(.unreadable("\(path) cannot be read: \(SystemError.text(code))")) }
        switch facts.mode & S_IFMT {
        case S_IFIFO: return true
        case S_IFREG: return false
        default: throw .tls(.unreadable("\(path) cannot be read: it is neither a file nor a pipe"))
        }
    }

    deinit { close(descriptor) }

    /// All of it. Throws `Failure.tls` when that is too much, or when whoever writes to a pipe has not ended by then.
    func read(until end: ContinuousClock.Instant) throws(HTTP.Failure) -> [UInt8] {
        var whole: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        while true {
            let count = Glibc.read(descriptor, &buffer, buffer.count)
            if count > 0 {
                whole += buffer.prefix(count)
                guard whole.count <= TLSFiles.largestBytes else { throw fault("it is larger than \(TLSFiles.largestBytes) bytes") }
            } else if count < 0, errno != EAGAIN, errno != EINTR {
                throw fault(SystemError.text(errno))
            } else if count == 0, !isPipe || !whole.isEmpty {
                return whole
            } else if errno != EINTR || count == 0, try isOver(until: end) {
                // Somebody came, wrote nothing and went.
                return whole
            }
        }
    }

    /// Waits until there is something to read in the pipe. True when nobody will write any more.
    private func isOver(until end: ContinuousClock.Instant) throws(HTTP.Failure) -> Bool {
        let left = ContinuousClock.now.duration(to: end) / .milliseconds(1)
        var poll = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        guard left > 0, Glibc.poll(&poll, 1, Int32(min(left.rounded(.up), 60_000))) != 0 || left > 60_000 else {
            throw fault("it is a pipe, and nobody wrote to it and closed it in time")
        }
        return poll.revents & Int16(POLLIN) == 0 && poll.revents & Int16(POLLHUP) != 0
    }

    private func fault(_ why: String) -> HTTP.Failure { .tls(.unreadable("\(path) cannot be read: \(why)")) }
}

extension HTTP.Request.TLS.PEM {
    /// For people.
    var name: String {
        switch self {
        case .bytes: "what is given"
        case .file(let path): path
        }
    }
}
