/// What the parts of a host may look like. Each gives nil, or a sentence that says what is wrong.
enum HostRules {
    /// Names of hosts and groups: what a selector can write without quotes.
    static func name(_ name: String) -> String? {
        let isPlain = name.utf8.allSatisfy { isLetterOrDigit($0) || [0x2E, 0x2D, 0x5F].contains($0) }
        guard let first = name.utf8.first, isLetterOrDigit(first), isPlain, name.utf8.count <= InventoryLimits.nameCharacters
        else {
            return
                "a name has 1 to \(InventoryLimits.nameCharacters) letters, digits, '.', '-', '_', and begins with a letter or digit"
        }
        return nil
    }

    static func label(_ name: String) -> String? {
        let isPlain = name.utf8.allSatisfy { isLetterOrDigit($0) || [0x2E, 0x2D, 0x5F, 0x2F].contains($0) }
        guard let first = name.utf8.first, isLetterOrDigit(first), isPlain, name.utf8.count <= InventoryLimits.nameCharacters
        else {
            return "'\(name)' is not a label: it has letters, digits, '.', '-', '_', '/', and begins with a letter or digit"
        }
        return nil
    }

    /// A host name or an IPv4 or IPv6 address. Not `-o…`: an address can end up on a command line.
    static func address(_ address: String) -> String? {
        let isPlain = address.utf8.allSatisfy { isLetterOrDigit($0) || [0x2E, 0x2D, 0x5F, 0x3A, 0x25].contains($0) }
        guard let first = address.utf8.first, isLetterOrDigit(first) || first == 0x3A, isPlain,
            address.utf8.count <= InventoryLimits.nameCharacters
        else { return "'\(address)' is not a host name or IP address" }
        return nil
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
        return value.unicodeScalars.contains { $0.value < 0x20 || $0.value == 0x7F } ? "has control characters" : nil
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
