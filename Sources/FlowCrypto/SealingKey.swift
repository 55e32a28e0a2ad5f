import CLibCrypto
package import FlowModel

/// A key that seals texts with AES-256-GCM, and opens them again.
///
/// What is sealed is a nonce of 12 random bytes, the ciphertext, and a tag of 16 bytes. The context is in none of it, and has to be the
/// same when it is opened.
package struct SealingKey: Sendable {
    package static let byteCount = 32
    private static let nonceCount = 12
    private static let tagCount = 16

    private let bytes: KeyBytes

    /// nil unless there are 32 bytes.
    package init?(_ bytes: [UInt8]) {
        guard bytes.count == SealingKey.byteCount else { return nil }
        self.bytes = KeyBytes(bytes)
    }

    package func seal(_ text: [UInt8], context: [UInt8]) throws(CryptoFault) -> [UInt8] {
        let nonce = SystemRandom.bytes(SealingKey.nonceCount)
        let cipher = try SealingKey.cipher()
        defer { EVP_CIPHER_CTX_free(cipher) }
        var sealed = [UInt8](repeating: 0, count: text.count)
        var tag = [UInt8](repeating: 0, count: SealingKey.tagCount)
        let (textCount, contextCount) = (try SealingKey.count(text), try SealingKey.count(context))
        var count: CInt = 0
        // Empty parts are left out: they add nothing, and have no address that libcrypto could tell from none.
        guard bytes.read({ EVP_EncryptInit_ex2(cipher, Algorithms.aes256GCM, $0.baseAddress?.assumingMemoryBound(to: UInt8.self), nonce, nil) }) == 1,
            context.isEmpty || EVP_EncryptUpdate(cipher, nil, &count, context, contextCount) == 1,
            text.isEmpty || EVP_EncryptUpdate(cipher, &sealed, &count, text, textCount) == 1, text.isEmpty || count == textCount,
            // A stream cipher: everything has come, and nothing is left for the end but the tag.
            withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 16, { EVP_EncryptFinal_ex(cipher, $0.baseAddress, &count) }) == 1,
            EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_AEAD_GET_TAG, CInt(tag.count), &tag) == 1
        else { throw .failed("seal") }
        return nonce + sealed + tag
    }

    /// What was sealed. Throws `notGenuine` for anything that was not sealed with this key and context, all of it as it is.
    package func open(_ sealed: [UInt8], context: [UInt8]) throws(CryptoFault) -> [UInt8] {
        guard sealed.count >= SealingKey.nonceCount + SealingKey.tagCount else { throw .notGenuine }
        let nonce = Array(sealed.prefix(SealingKey.nonceCount))
        let body = Array(sealed.dropFirst(SealingKey.nonceCount).dropLast(SealingKey.tagCount))
        var tag = Array(sealed.suffix(SealingKey.tagCount))
        let cipher = try SealingKey.cipher()
        defer { EVP_CIPHER_CTX_free(cipher) }
        var text = [UInt8](repeating: 0, count: body.count)
        let (bodyCount, contextCount) = (try SealingKey.count(body), try SealingKey.count(context))
        var count: CInt = 0
        guard bytes.read({ EVP_DecryptInit_ex2(cipher, Algorithms.aes256GCM, $0.baseAddress?.assumingMemoryBound(to: UInt8.self), nonce, nil) }) == 1,
            EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_AEAD_SET_TAG, CInt(tag.count), &tag) == 1,
            context.isEmpty || EVP_DecryptUpdate(cipher, nil, &count, context, contextCount) == 1,
            body.isEmpty || EVP_DecryptUpdate(cipher, &text, &count, body, bodyCount) == 1, body.isEmpty || count == bodyCount
        else { throw .failed("open what was sealed") }
        guard withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 16, { EVP_DecryptFinal_ex(cipher, $0.baseAddress, &count) }) == 1 else {
            // Nobody may see what came out of a text that is not the one sealed.
            OPENSSL_cleanse(&text, text.count)
            ERR_clear_error()
            throw .notGenuine
        }
        return text
    }

    /// HMAC-SHA-256 with this key: a digest that only who has the key can compute.
    package func code(of message: [UInt8]) -> Digest {
        Digest(bytes: bytes.read { HMAC.sha256.code(of: message, key: $0) })
    }

    private static func cipher() throws(CryptoFault) -> OpaquePointer {
        guard let cipher = EVP_CIPHER_CTX_new() else { throw .failed("make a context for AES-256-GCM") }
        return cipher
    }

    /// As libcrypto counts.
    private static func count(_ bytes: [UInt8]) throws(CryptoFault) -> CInt {
        guard let count = CInt(exactly: bytes.count) else { throw .library("\(bytes.count) bytes are too many to be sealed at once") }
        return count
    }
}
