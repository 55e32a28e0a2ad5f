internal import FlowCrypto
internal import FlowModel
internal import FoundationEssentials

/// A host's public key: type and base64, as in `known_hosts`.
package struct HostKey: Hashable, Sendable {
    /// Why a text is not a host key.
    package struct Fault: Error, Hashable, Sendable {
        package let message: String
    }

    package let type: String
    package let base64: String
    private let blob: [UInt8]

    /// Types that are accepted; DSA is too weak, certificates are not host keys.
    private static let types: Set<String> = [
        "ssh-ed25519", "ssh-rsa", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521",
        "sk-ssh-ed25519@openssh.com", "sk-ecdsa-sha2-nistp256@openssh.com",
    ]

    /// Reads `TYPE BASE64 [COMMENT]`; the comment is dropped.
    package init(_ text: String) throws(Fault) {
        let words = text.split(whereSeparator: { $0 == " " || $0 == "\t" })
        guard words.count >= 2 else { throw Fault(message: "a host key is TYPE BASE64, such as \"ssh-ed25519 AAAAC3…\"") }
        type = String(words[0])
        base64 = String(words[1])
        guard HostKey.types.contains(type) else {
            throw Fault(
                message: "'\(type)' is not a host key type that is accepted (\(HostKey.types.sorted().joined(separator: ", ")))"
            )
        }
        guard let data = Data(base64Encoded: base64) else { throw Fault(message: "the key after \(type) is not base64") }
        blob = Array(data)
        // The key repeats its type, with the length before it.
        let inner = [0, 0, 0, UInt8(type.utf8.count)] + Array(type.utf8)
        guard blob.count > inner.count, blob.starts(with: inner) else {
            throw Fault(message: "the key does not say that it is \(type): it is cut or of another type")
        }
    }

    /// `TYPE BASE64`.
    package var text: String { "\(type) \(base64)" }

    /// As OpenSSH shows it: `SHA256:` and base64 without padding.
    package var fingerprint: String {
        let encoded = Data(Digest(of: blob).bytes).base64EncodedString()
        return "SHA256:" + encoded.prefix { $0 != "=" }
    }
}
