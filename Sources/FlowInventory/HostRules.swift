internal import FlowModel
internal import Glibc

/// What the parts of a host may look like. Each gives nil, or a sentence that says what is wrong.
enum HostRules {
    /// Names of hosts and groups: what a selector can write without quotes.
    static func name(_ name: String) -> String? {
        let isPlain = name.utf8.allSatisfy { isLetterOrDigit($0) || $0 == 0x2E || $0 == 0x2D || $0 == 0x5F }
        guard let first = name.utf8.first, isLetterOrDigit(first), isPlain, name.utf8.count <= InventoryLimits.nameCharacters
        else {
            return
                "a name has 1 to \(InventoryLimits.nameCharacters) letters, digits, '.', '-', '_', and begins with a letter or digit"
        }
        return nil
    }

    static func label(_ name: String) -> String? {
        let isPlain = name.utf8.allSatisfy { isLetterOrDigit($0) || $0 == 0x2E || $0 == 0x2D || $0 == 0x5F || $0 == 0x2F }
        guard let first = name.utf8.first, isLetterOrDigit(first), isPlain, name.utf8.count <= InventoryLimits.nameCharacters
        else {
            return "'\(name)' is not a label: it has letters, digits, '.', '-', '_', '/', and begins with a letter or digit"
        }
        return nil
    }

    /// A host name or an IPv4 or IPv6 address. Not `-o…`: an address can end up on a command line.
    static func address(_ address: String) -> String? {
        guard address.utf8.count <= InventoryLimits.nameCharacters else {
            return "an address has at most \(InventoryLimits.nameCharacters) characters"
        }
        let bare = Host.bare(address)
        if bare.utf8.contains(0x3A) { return isIPv6(bare) ? nil : notIPv6(address) }
        let isPlain = address.utf8.allSatisfy { isLetterOrDigit($0) || $0 == 0x2E || $0 == 0x2D || $0 == 0x5F }
        guard let first = address.utf8.first, isLetterOrDigit(first), isPlain else {
            return "'\(address)' is not a host name or IP address"
        }
        // Numbers alone are no name.
        let isNumeric = address.utf8.allSatisfy { (0x30...0x39).contains($0) || $0 == 0x2E }
        var four = in_addr()
        return isNumeric && inet_pton(AF_INET, address, &four) != 1 ? "'\(address)' is not an IPv4 address" : nil
    }

    /// A link-local one may name its interface: `fe80::1%eth0`.
    private static func isIPv6(_ address: String) -> Bool {
        let parts = address.split(separator: "%", maxSplits: 1, omittingEmptySubsequences: false)
        if parts.count == 2 {
            let isPlain = parts[1].utf8.allSatisfy { isLetterOrDigit($0) || [0x2E, 0x2D, 0x5F].contains($0) }
            guard (1...15).contains(parts[1].utf8.count), isPlain else { return false }
        }
        var six = in6_addr()
        return inet_pton(AF_INET6, String(parts[0]), &six) == 1
    }

    private static func notIPv6(_ address: String) -> String {
        guard let colon = address.lastIndex(of: ":"), self.address(String(address[..<colon])) == nil else {
            return "'\(address)' is not a host name or IP address"
        }
        let (host, port) = (Host.bare(String(address[..<colon])), address[address.index(after: colon)...])
        guard !host.utf8.contains(0x3A) || address.hasPrefix("["), let number = Int(port), (1...65_535).contains(number) else {
            return "'\(address)' is not a host name or IP address"
        }
        return "'\(address)' is an address with a port: write address \(host) and port \(number)"
    }

    static func user(_ user: String) -> String? {
        let isPlain = user.utf8.allSatisfy { isLetterOrDigit($0) || [0x2E, 0x2D, 0x5F, 0x40, 0x5C, 0x24].contains($0) }
        guard let first = user.utf8.first, first != 0x2D, isPlain, user.utf8.count <= InventoryLimits.nameCharacters else {
            return "'\(user)' is not an account name"
        }
        return nil
    }

    static func path(_ path: String) -> String? {
        path.isEmpty ? "a path must not be empty" : value(path)
    }

    static func value(_ value: String) -> String? {
        guard value.utf8.count <= InventoryLimits.valueCharacters else {
            return "has more than \(InventoryLimits.valueCharacters) bytes"
        }
        return value.unicodeScalars.contains { $0.value < 0x20 || (0x7F...0x9F).contains($0.value) } ? "has control characters" : nil
    }

    private static func isLetterOrDigit(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: false
        }
    }
}
