import FlowModel

/// Where and how to log in: what has to be equal for two hosts to share a connection.
struct Endpoint: Hashable, Sendable, CustomStringConvertible {
    var name: String
    var address: String
    var port: Int
    var user: String
    var identityFile: String?
    var hostKeys: [HostKey]

    var description: String { "host '\(name)' (\(Host.place(address, port)))" }

    /// Throws `TransportError` unless each part has the form of what it names: nothing from an inventory reaches a lookup or a
    /// server that is not a plain name or address (CVE-2023-6004 came through a host name).
    init(_ host: Host) throws {
        func refuse(_ what: String, _ value: String, _ allowed: String) -> TransportError {
            let shown = value.unicodeScalars.prefix(60).map { $0.value < 32 || $0.value == 127 ? "?" : String($0) }.joined()
            return TransportError(
                .resolve, "host '\(host.name)' was not contacted: its \(what) '\(shown)' is not \(allowed)", isTransient: false)
        }
        guard Self.isPlain(host.address, extra: ".-_:%", limit: 253) else {
            throw refuse("address", host.address, "a host name or an IP address")
        }
        guard (1...65_535).contains(host.port) else { throw refuse("port", String(host.port), "between 1 and 65535") }
        let user = host.user ?? Account.current
        guard Self.isPlain(user, extra: ".-_@\\$+", limit: 64) else { throw refuse("user", user, "an account name") }
        name = host.name
        address = host.address
        port = host.port
        self.user = user
        identityFile = host.identityFile
        hostKeys = host.hostKeys.map(HostKey.init(text:))
    }

    /// For a scan: nothing is known but the place.
    init(address: String, port: Int) throws {
        try self.init(Host(name: address, address: address, port: port, user: "scan"))
    }

    private static func isPlain(_ text: String, extra: String, limit: Int) -> Bool {
        let bytes = Array(text.utf8)
        guard (1...limit).contains(bytes.count), bytes[0] != UInt8(ascii: "-") else { return false }
        return bytes.allSatisfy { byte in
            (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
                || extra.utf8.contains(byte)
        }
    }
}
