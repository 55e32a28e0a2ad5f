/// An address or name, and a port.
package struct NetworkAddress: Hashable, Sendable {
    package static let rule = "is not an address and a port, such as web-1:8080 or [2001:db8::1]:443"
    package static let hostRule = "is not an address or the name of a machine, such as web-1 or 2001:db8::1"

    package let host: String
    package let port: Int

    package init?(_ text: String) {
        guard let colon = text.lastIndex(of: ":") else { return nil }
        var host = text[..<colon]
        let digits = text[text.index(after: colon)...]
        guard (1...5).contains(digits.utf8.count), digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let port = Int(digits),
            (1...65_535).contains(port)
        else { return nil }
        if host.hasPrefix("["), host.hasSuffix("]") {
            host = host.dropFirst().dropLast()
            guard host.contains(":") else { return nil }
        } else if host.contains(":") {
            return nil
        }
        guard NetworkAddress.isHost(host) else { return nil }
        (self.host, self.port) = (String(host), port)
    }

    /// What names and addresses are made of, `%` for the zone of a link-local one. No name begins with a dash: it would be an option.
    package static func isHost(_ text: some StringProtocol) -> Bool {
        func isPart(_ byte: UInt8) -> Bool {
            (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte) || ".-_:%".utf8.contains(byte)
        }
        return !text.isEmpty && text.utf8.count <= 253 && !text.hasPrefix("-") && text.utf8.allSatisfy(isPart)
    }
}
