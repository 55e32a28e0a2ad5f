import CFlowShims
import Crypto
package import FlowModel
import FoundationEssentials
import Glibc

/// Seals secrets with the key file of the home (AES-256-GCM), and opens them again for the hands.
///
/// The key never leaves the file and this value. A canary that was sealed with it stands beside it: a key that was replaced is
/// noticed at start, not when the first step needs a secret.
package struct Vault: Sendable {
    private let key: SymmetricKey
    private static let context = Array("flow-sealed-1".utf8)
    private static let canary = "flow-canary"

    /// Reads `secret.key` in `home`, or makes one where there is none.
    package init(home: String) throws(FlowError) {
        let path = home + "/secret.key"
        let canaryPath = home + "/secret.check"
        let bytes: [UInt8]
        if let found = try SecretFile.read(path) {
            bytes = found
        } else if try SecretFile.read(canaryPath) != nil {
            throw FlowError(
                .storage, subject: path, "The server did not start: \(path) is gone, and sealed secrets need it.",
                hint: "Put the key back, or remove \(canaryPath) and accept that sealed inputs are lost.")
        } else {
            bytes = SystemRandom.bytes(32)
            try SecretFile.create(path, bytes)
        }
        guard bytes.count == 32 else {
            throw FlowError(
                .storage, subject: path, "The server did not start: \(path) has \(bytes.count) bytes, a key has 32.")
        }
        key = SymmetricKey(data: bytes)
        try checkCanary(canaryPath, keyPath: path)
    }

    private func checkCanary(_ path: String, keyPath: String) throws(FlowError) {
        guard let sealed = try SecretFile.read(path) else {
            return try SecretFile.create(path, Array(try seal(Vault.canary).utf8))
        }
        guard (try? open(String(decoding: sealed, as: UTF8.self))) == Vault.canary else {
            throw FlowError(
                .storage, subject: keyPath,
                "The server did not start: \(keyPath) is not the key that the secrets of this home were sealed with.",
                hint: "Put the right key back.")
        }
    }

    /// The secret as base64 of nonce, ciphertext and tag.
    package func seal(_ text: String) throws(FlowError) -> String {
        do {
            let box = try AES.GCM.seal(Array(text.utf8), using: key, authenticating: Vault.context)
            guard let combined = box.combined else { throw CryptoKitError.incorrectParameterSize }
            return combined.base64EncodedString()
        } catch {
            throw FlowError(.internal, subject: "secret", "A secret could not be sealed: \(error).")
        }
    }

    /// What was sealed. Fails for anything that was not sealed with this key.
    package func open(_ base64: String) throws(FlowError) -> String {
        do {
            guard let data = Data(base64Encoded: base64) else { throw CryptoKitError.incorrectParameterSize }
            let plain = try AES.GCM.open(AES.GCM.SealedBox(combined: data), using: key, authenticating: Vault.context)
            return String(decoding: plain, as: UTF8.self)
        } catch {
            throw FlowError(
                .storage, subject: "secret", "A sealed secret could not be opened: it was changed, or sealed with another key.")
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
    package func fingerprint(_ content: JSON) -> FlowModel.Digest {
        HMAC<SHA256>.authenticationCode(for: content.canonicalBytes, using: key).withUnsafeBytes { FlowModel.Digest(bytes: $0) }
    }
}

/// Small files that only their owner may read.
enum SecretFile {
    /// The content; nil when there is no such file. Refuses a file that others can read.
    static func read(_ path: String) throws(FlowError) -> [UInt8]? {
        let file = Glibc.open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
        guard file >= 0 else {
            if errno == ENOENT { return nil }
            throw fault("read", path)
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

    /// Writes a new file, durably. Never replaces one.
    static func create(_ path: String, _ bytes: [UInt8]) throws(FlowError) {
        let file = Glibc.open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard file >= 0 else { throw fault("write", path) }
        defer { close(file) }
        guard write(file, bytes, bytes.count) == bytes.count, fsync(file) == 0 else { throw fault("write", path) }
    }

    private static func fault(_ verb: String, _ path: String) -> FlowError {
        FlowError(
            .storage, subject: path, "Could not \(verb) \(path): \(String(cString: strerror(errno))).", hint: "flowctl doctor")
    }
}

enum SystemRandom {
    /// From the system's generator, which does not fail on Linux.
    static func bytes(_ count: Int) -> [UInt8] {
        var generator = SystemRandomNumberGenerator()
        var bytes: [UInt8] = []
        bytes.reserveCapacity(count)
        while bytes.count < count {
            // Each number is a system call: all of its bytes are used.
            withUnsafeBytes(of: generator.next()) { bytes.append(contentsOf: $0.prefix(count - bytes.count)) }
        }
        return bytes
    }
}

extension FlowModel.Digest {
    /// SHA-256.
    package static func of(_ bytes: [UInt8]) -> FlowModel.Digest { SHA256.hash(data: bytes).withUnsafeBytes { FlowModel.Digest(bytes: $0) } }
}
