import CLibCrypto

/// The algorithms of libcrypto, each fetched once: a fetch takes longer than the digest of a journal record.
///
/// Nobody changes them once they are made, and libcrypto counts their users atomically: every thread may read them.
enum Algorithms {
    nonisolated(unsafe) static let sha256: OpaquePointer = fetched("SHA-256", EVP_MD_fetch(nil, "SHA256", nil))
    nonisolated(unsafe) static let aes256GCM: OpaquePointer = fetched("AES-256-GCM", EVP_CIPHER_fetch(nil, "AES-256-GCM", nil))
    /// Contexts that know their digest, to be copied: to name a digest means to fetch it.
    nonisolated(unsafe) static let hmacSHA256: OpaquePointer = hmac("SHA256")
    nonisolated(unsafe) static let hmacSHA1: OpaquePointer = hmac("SHA1")

    private static func hmac(_ digest: String) -> OpaquePointer {
        let algorithm = fetched("HMAC", EVP_MAC_fetch(nil, "HMAC", nil))
        defer { EVP_MAC_free(algorithm) }
        guard let context = EVP_MAC_CTX_new(algorithm) else { CryptoFault.trap("make a context for HMAC") }
        let isReady = OSSL_MAC_PARAM_DIGEST.withCString { name in
            var digest = Array(digest.utf8CString)
            return digest.withUnsafeMutableBufferPointer { digest in
                let parameters = [OSSL_PARAM_construct_utf8_string(name, digest.baseAddress, 0), OSSL_PARAM_construct_end()]
                // Any key: not every version of libcrypto copies a context that never had one.
                return EVP_MAC_init(context, [0], 1, parameters) == 1
            }
        }
        guard isReady else { CryptoFault.trap("give HMAC with \(digest)") }
        return context
    }

    private static func fetched(_ name: String, _ algorithm: OpaquePointer?) -> OpaquePointer {
        guard let algorithm else { CryptoFault.trap("give \(name); look at what OPENSSL_CONF and /etc/ssl/openssl.cnf switch off") }
        return algorithm
    }
}
