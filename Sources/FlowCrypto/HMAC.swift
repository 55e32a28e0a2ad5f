import CLibCrypto

/// Codes that only who has the key can make for a message (RFC 2104).
package enum HMAC: Sendable {
    case sha256
    /// For hashed names in `known_hosts`, whose form it is, and for nothing else.
    case sha1

    /// The code of the message.
    package func code(of message: [UInt8], key: [UInt8]) -> [UInt8] { key.withUnsafeBytes { code(of: message, key: $0) } }

    /// Whether the code is that of the message. Takes as long for a code that is wrong in its first byte as for one wrong in its last.
    package func isCode(_ code: [UInt8], of message: [UInt8], key: [UInt8]) -> Bool {
        let right = self.code(of: message, key: key)
        return code.count == right.count && CRYPTO_memcmp(code, right, right.count) == 0
    }

    func code(of message: [UInt8], key: UnsafeRawBufferPointer) -> [UInt8] {
        guard let context = EVP_MAC_CTX_dup(template) else { CryptoFault.trap("make a context for HMAC") }
        defer { EVP_MAC_CTX_free(context) }
        var code = [UInt8](repeating: 0, count: byteCount)
        var count = 0
        // An empty key has to be somewhere: without an address it would be that of the template.
        let isKeyed =
            key.isEmpty
            ? EVP_MAC_init(context, [0], 0, nil) : EVP_MAC_init(context, key.assumingMemoryBound(to: UInt8.self).baseAddress, key.count, nil)
        guard isKeyed == 1, EVP_MAC_update(context, message, message.count) == 1, EVP_MAC_final(context, &code, &count, code.count) == 1,
            count == code.count
        else { CryptoFault.trap("make a code with HMAC") }
        return code
    }

    private var byteCount: Int { self == .sha256 ? 32 : 20 }
    private var template: OpaquePointer { self == .sha256 ? Algorithms.hmacSHA256 : Algorithms.hmacSHA1 }
}
