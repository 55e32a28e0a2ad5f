import CFlowShims
import FlowCrypto
import FlowLoading
package import FlowModel
import FoundationEssentials
import Glibc

/// Seals secrets with the key file of the home (AES-256-GCM), and opens them again for the hands.
///
/// The key never leaves the file and this value. A canary that was sealed with it is in the database, and in each backup of it: a key
/// that is missing or was replaced is noticed at start, not when the first step needs a secret, and the right one is known when it comes.
package struct Vault: Sendable {
    /// What the database knows of its key.
    package struct Check: Sendable {
        /// The canary; nil in a database that has had no key.
        package var canary: @Sendable () throws -> String?
        package var keep: @Sendable (String) throws -> Void
        /// Something that was sealed, or nil when nothing is.
        package var sample: @Sendable () throws -> String?

        package init(
            canary: @escaping @Sendable () throws -> String?, keep: @escaping @Sendable (String) throws -> Void,
            sample: @escaping @Sendable () throws -> String?
        ) {
            self.canary = canary
            self.keep = keep
            self.sample = sample
        }
    }

    private let key: SealingKey
    private static let context = Array("flow-sealed-1".utf8)
    private static let canary = "flow-canary"

    /// Reads `secret.key` in `home`. Makes one where there is none and nothing is sealed that would stay closed then.
    package init(home: String, check: Check) throws {
        let path = home + "/secret.key"
        // Before the canary was in the database it was in a file; of another key than the database's it means nothing.
        let oldCanary = home + "/secret.check"
        let found = try SecretFile.read(path)
        if found == nil, try check.sample() != nil {
            throw Vault.refusal(path, "is missing, and the database holds secrets that are sealed with it", "Put the key back")
        }
        if found == nil { try SecretFile.create(path, SystemRandom.bytes(SealingKey.byteCount)) }
        guard let bytes = try found ?? SecretFile.read(path), let key = SealingKey(bytes) else {
            throw Vault.refusal(path, "has \(found?.count ?? 0) bytes, a key has \(SealingKey.byteCount)", "Put the right key back")
        }
        self.key = key
        let old = found == nil ? nil : try SecretFile.read(oldCanary).map { String(decoding: $0, as: UTF8.self) }
        let known = try check.canary() ?? old
        let isRight = known.map(isCanary) ?? true
        // A key that does not fit does no harm where nothing is sealed: a new home began with a key of its own.
        if !isRight || known == nil, let sample = try check.sample(), (try? open(sample)) == nil {
            throw Vault.refusal(path, "is not the key that the secrets in the database were sealed with", "Put the right key back")
        }
        if try !isRight || check.canary() == nil { try check.keep(try seal(Vault.canary)) }
        unlink(oldCanary)
    }

    /// Makes a new key in place of one that was lost: what that one sealed stays closed for ever. Gives where the old file is.
    package static func renew(home: String, check: Check, now: Instant) throws -> String? {
        let path = home + "/secret.key"
        let aside = "\(path).given-up-\(now.milliseconds)"
        let hasOld = rename(path, aside) == 0
        try SecretFile.create(path, SystemRandom.bytes(SealingKey.byteCount))
        guard let key = try SecretFile.read(path).flatMap(SealingKey.init) else {
            throw refusal(path, "is gone again, or is another", "Look who removes it")
        }
        try check.keep(try Vault(key: key).seal(canary))
        return hasOld ? aside : nil
    }

    private init(key: SealingKey) { self.key = key }

    private func isCanary(_ sealed: String) -> Bool { (try? open(sealed)) == Vault.canary }

    private static func refusal(_ path: String, _ what: String, _ next: String) -> FlowError {
        FlowError(
            .storage, subject: path, "The server did not start: \(path) \(what).",
            hint: "\(next). If it is lost for good: flowctl repair --forget-secrets gives up what it sealed.")
    }

    /// The secret as base64 of nonce, ciphertext and tag.
    package func seal(_ text: String) throws(FlowError) -> String {
        do {
            return Data(try key.seal(Array(text.utf8), context: Vault.context)).base64EncodedString()
        } catch {
            throw FlowError(.internal, subject: "secret", "A secret could not be sealed: \(error).")
        }
    }

    /// What was sealed. Fails for anything that was not sealed with this key.
    package func open(_ base64: String) throws(FlowError) -> String {
        do throws(CryptoFault) {
            guard let data = Data(base64Encoded: base64) else { throw .notGenuine }
            return String(decoding: try key.open(Array(data), context: Vault.context), as: UTF8.self)
        } catch {
            switch error {
            case .notGenuine:
                throw FlowError(
                    .conflict, subject: "secret", "A sealed secret could not be opened: it was changed, or sealed with another key.",
                    hint: "Give it anew; or put the key back that it was sealed with: secret.key.")
            case .library(let message):
                throw FlowError(.internal, subject: "secret", "A sealed secret could not be opened: \(message).")
            }
        }
    }

    /// Every text in `value`, sealed, each as a marker.
    package func sealed(_ value: JSON) throws(FlowError) -> JSON {
        switch value {
        case .string(let text): return .string(SealedText.marker(try seal(text)))
        case .array(let elements):
            var sealedElements: [JSON] = []
            for element in elements { sealedElements.append(try sealed(element)) }
            return .array(sealedElements)
        case .null: return .null
        default: return .string(SealedText.marker(try seal(value.text)))
        }
    }

    /// A digest that only this home can compute: it tells repetitions apart without giving secrets in the content away.
    package func fingerprint(_ content: JSON) -> Digest {
        key.code(of: content.canonicalBytes)
    }
}

/// Small files that only their owner may read.
enum SecretFile {
    /// The content; nil when there is no such file. Refuses a file that others can read.
    static func read(_ path: String) throws(FlowError) -> [UInt8]? {
        let file: CInt
        switch RegularFile.open(path, O_RDONLY | O_NOFOLLOW) {
        case .opened(let descriptor, _): file = descriptor
        case .failed(ENOENT): return nil
        case .failed(let code):
            errno = code
            throw fault("read", path)
        case .other(let kind):
            throw FlowError(
                .storage, subject: path, "\(path) was not used: it is \(kind), not a file.",
                hint: "put the key back in its place (docs/operating/trouble.md, A lost key)")
        }
        defer { close(file) }
        var facts = flow_file_facts()
        guard flow_facts_of_descriptor(file, &facts) == 0 else { throw fault("read", path) }
        guard facts.mode & 0o077 == 0 else {
            throw FlowError(
                .storage, subject: path, "\(path) was not used: others than its owner may read it.", hint: "chmod 600 \(path)")
        }
        var buffer = [UInt8](repeating: 0, count: 4_096)
        let count = Glibc.read(file, &buffer, buffer.count)
        guard count >= 0 else { throw fault("read", path) }
        return Array(buffer.prefix(count))
    }

    /// Writes a new file, durably: all of it is there or nothing. Never replaces one.
    static func create(_ path: String, _ bytes: [UInt8]) throws(FlowError) {
        let draft = path + ".new"
        unlink(draft)
        let file = Glibc.open(draft, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard file >= 0 else { throw fault("write", path) }
        defer {
            close(file)
            unlink(draft)
        }
        guard write(file, bytes, bytes.count) == bytes.count, fsync(file) == 0, link(draft, path) == 0 else { throw fault("write", path) }
        let folder = Glibc.open(String(path[...(path.lastIndex(of: "/") ?? path.startIndex)]), O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard folder >= 0 else { throw fault("write", path) }
        defer { close(folder) }
        guard fsync(folder) == 0 else { throw fault("write", path) }
    }

    private static func fault(_ verb: String, _ path: String) -> FlowError {
        FlowError(
            .storage, subject: path, "Could not \(verb) \(path): \(String(cString: strerror(errno))).", hint: "flowctl doctor")
    }
}
