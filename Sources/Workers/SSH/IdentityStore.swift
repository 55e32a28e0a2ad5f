import CLibSSH
import FlowThreads
import Glibc

/// A private key, parsed. Belongs to the loop.
final class IdentityKey {
    let key: ssh_key
    init(_ key: ssh_key) { self.key = key }
    deinit { ssh_key_free(key) }
}

/// The private keys that hosts name, each read when a connection needs it and parsed again only when the file changed.
///
/// The file is read on a helper thread, since it may lie on a network; parsing takes microseconds. A key that asks for a passphrase
/// is refused with a word on what to do: nobody is there to type one.
final class IdentityStore {
    typealias Completion = (Result<IdentityKey, IdentityFile.Refusal>) -> Void

    private struct Known {
        var stamp: IdentityFile.Stamp
        var readAt: Tick
        var key: IdentityKey
    }

    private let mailbox: Mailbox
    private let threads: BlockingThreads
    private let limits: SSHLimits
    private var known: [String: Known] = [:]
    private var waiting: [String: [Completion]] = [:]

    init(mailbox: Mailbox, threads: BlockingThreads, limits: SSHLimits) {
        self.mailbox = mailbox
        self.threads = threads
        self.limits = limits
    }

    /// Calls `completion` with the key, on the loop: at once when the file was read in the last second.
    func load(_ path: String, now: Tick, completion: @escaping Completion) {
        if let known = known[path], now.since(known.readAt) < .seconds(1) { return completion(.success(known.key)) }
        waiting[path, default: []].append(completion)
        guard waiting[path]?.count == 1 else { return }
        let (mailbox, bound) = (mailbox, limits.identityBytes)
        threads.run {
            let file = Result { () throws(IdentityFile.Refusal) in try IdentityFile.read(path, bound: bound) }
            // A loop that has ended needs no key.
            _ = mailbox.send { reactor in reactor.identities.arrived(file, path: path, now: reactor.now) }
        }
    }

    private func arrived(_ file: Result<IdentityFile, IdentityFile.Refusal>, path: String, now: Tick) {
        let result = Result { () throws(IdentityFile.Refusal) in try parse(try file.get(), path: path, now: now) }
        for completion in waiting.removeValue(forKey: path) ?? [] { completion(result) }
    }

    private func parse(_ file: IdentityFile, path: String, now: Tick) throws(IdentityFile.Refusal) -> IdentityKey {
        if let same = known[path], same.stamp == file.stamp {
            known[path]?.readAt = now
            return same.key
        }
        var key: ssh_key?
        // An empty passphrase, not none: with none OpenSSL asks for it on the terminal.
        guard ssh_pki_import_privkey_base64(file.text, "", nil, nil, &key) == SSH_OK, let key else {
            throw IdentityFile.Refusal(message: "'\(path)' is not a private key that libssh can read")
        }
        let identity = IdentityKey(key)
        known[path] = Known(stamp: file.stamp, readAt: now, key: identity)
        return identity
    }
}

/// The contents of a private key file that may be used.
struct IdentityFile: Sendable {
    struct Stamp: Hashable, Sendable {
        var device: UInt64
        var inode: UInt64
        var size: Int64
        var seconds: Int
        var nanoseconds: Int
    }

    struct Refusal: Error, Hashable {
        var message: String
    }

    var text: String
    var stamp: Stamp

    /// Reads it, refusing what ssh refuses: what others may read, and what needs a passphrase.
    static func read(_ path: String, bound: Int) throws(Refusal) -> IdentityFile {
        let expanded = path.hasPrefix("~/") ? (getenv("HOME").map { String(cString: $0) } ?? "") + path.dropFirst() : path
        let file = open(expanded, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard file >= 0 else { throw Refusal(message: "'\(path)' cannot be read: \(SystemError.text(errno))") }
        defer { close(file) }
        var status = stat()
        guard fstat(file, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            throw Refusal(message: "'\(path)' is not a file")
        }
        guard status.st_mode & 0o077 == 0 || status.st_uid != geteuid() else {
            let mode = String(status.st_mode & 0o777, radix: 8)
            throw Refusal(message: "'\(path)' may be read by others (mode 0\(mode)). Type: chmod 600 '\(path)'")
        }
        var bytes = [UInt8](repeating: 0, count: bound + 1)
        let count = Glibc.read(file, &bytes, bytes.count)
        guard count > 0, count <= bound else {
            throw Refusal(message: count > bound ? "'\(path)' is longer than \(bound) bytes" : "'\(path)' is empty")
        }
        let text = plain(bytes.prefix(count))
        // The bytes were private; what libssh keeps it clears itself.
        bytes.withUnsafeMutableBytes { buffer in
            if let start = buffer.baseAddress { explicit_bzero(start, buffer.count) }
        }
        guard !isEncrypted(text) else {
            throw Refusal(message: "'\(path)' asks for a passphrase. Add it to ssh-agent and leave identityFile out")
        }
        let stamp = Stamp(
            device: UInt64(status.st_dev), inode: UInt64(status.st_ino), size: Int64(status.st_size),
            seconds: status.st_mtim.tv_sec, nanoseconds: status.st_mtim.tv_nsec)
        return IdentityFile(text: text, stamp: stamp)
    }

    /// As libssh reads it, whatever editor it has been through: without a byte order mark, lines that end in LF.
    static func plain(_ bytes: some Collection<UInt8>) -> String {
        var text = String(decoding: bytes, as: UTF8.self)
        if text.unicodeScalars.first == "\u{FEFF}" { text.unicodeScalars.removeFirst() }
        return text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline).joined(separator: "\n")
    }

    /// PEM says so in words; OpenSSH's own form names a cipher right after its magic, in base64.
    static func isEncrypted(_ text: String) -> Bool {
        if text.contains("ENCRYPTED") { return true }
        let lines = text.split(whereSeparator: \.isNewline)
        guard lines.first == "-----BEGIN OPENSSH PRIVATE KEY-----", lines.count > 1 else { return false }
        // "openssh-key-v1\0", length 4, "none": the first 23 bytes of a key without a passphrase; 21 of them fill 28 characters.
        return !lines[1].hasPrefix("b3BlbnNzaC1rZXktdjEAAAAABG5v")
    }
}
