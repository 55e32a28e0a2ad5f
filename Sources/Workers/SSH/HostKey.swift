import CLibSSH

/// A server's public key as `known_hosts` and the inventory write it: its type and its base64.
package struct HostKey: Hashable, Sendable, CustomStringConvertible {
    package var type: String
    package var base64: String

    /// `ssh-ed25519 AAAA…`, with whatever comment follows left out.
    package init(text: String) {
        // A byte order mark is what an editor left.
        let words = text.drop { $0 == "\u{FEFF}" }.split(whereSeparator: \.isWhitespace)
        type = words.first.map(String.init) ?? ""
        base64 = words.count > 1 ? String(words[1]) : ""
    }

    /// The key that libssh holds; nil when it cannot be written out.
    init?(_ key: ssh_key) {
        var text: UnsafeMutablePointer<CChar>?
        guard ssh_pki_export_pubkey_base64(key, &text) == SSH_OK, let text, let name = ssh_key_type_to_char(ssh_key_type(key))
        else { return nil }
        defer { ssh_string_free_char(text) }
        type = String(cString: name)
        base64 = String(cString: text)
    }

    /// `SHA256:…`, as `ssh-keygen -l` prints it; nil when this is not a key.
    package var fingerprint: String? {
        var key: ssh_key?
        let kind = ssh_key_type_from_name(type)
        guard kind != SSH_KEYTYPE_UNKNOWN, ssh_pki_import_pubkey_base64(base64, kind, &key) == SSH_OK, let key else {
            return nil
        }
        defer { ssh_key_free(key) }
        return Self.fingerprint(of: key)
    }

    /// `ssh-ed25519 SHA256:…`, for messages.
    package var description: String { "\(type) \(fingerprint ?? "(not a key)")" }

    static func fingerprint(of key: ssh_key) -> String? {
        var hash: UnsafeMutablePointer<UInt8>?
        var length = 0
        guard ssh_get_publickey_hash(key, SSH_PUBLICKEY_HASH_SHA256, &hash, &length) == 0, hash != nil else { return nil }
        defer { ssh_clean_pubkey_hash(&hash) }
        guard let text = ssh_get_fingerprint_hash(SSH_PUBLICKEY_HASH_SHA256, hash, length) else { return nil }
        defer { ssh_string_free_char(text) }
        return String(cString: text)
    }

    /// The signature algorithms to offer so that a server shows a key of one of these types, cheapest first.
    static func algorithms(for keys: [HostKey]) -> String {
        let types = Set(keys.map(\.type))
        return supported.filter { types.contains($0.type) }.map(\.algorithms).joined(separator: ",")
    }

    /// Key types that Flow accepts, with their signature algorithms; SHA-1 signatures and DSA are not among them.
    static let supported: [(type: String, algorithms: String)] = [
        ("ssh-ed25519", "ssh-ed25519"),
        ("ecdsa-sha2-nistp256", "ecdsa-sha2-nistp256"),
        ("ecdsa-sha2-nistp384", "ecdsa-sha2-nistp384"),
        ("ecdsa-sha2-nistp521", "ecdsa-sha2-nistp521"),
        ("ssh-rsa", "rsa-sha2-512,rsa-sha2-256"),
    ]
}
