/// The names under which a listener serves. A page of another site whose name was made to lead to this machine (DNS rebinding) asks under
/// that name, and is refused.
package struct HostRule: Sendable {
    /// nil: every name is as good as another.
    private let names: Set<String>?

    /// Names that may be given.
    static let most = 100
    package static let any = HostRule(names: nil)

    /// Numbers, `localhost` and these names.
    package init(_ names: [String]) { self.init(names: Set(names.map { $0.lowercased() } + ["localhost"])) }

    private init(names: Set<String>?) { self.names = names }

    /// A listener's rule: with names in the configuration those; else, on loopback, none but this machine's own. Behind a proxy, and off loopback,
    /// where the certificate says who is there, any.
    init(_ configuration: ServerConfiguration, _ address: ListenAddress) {
        if let names = configuration.hosts {
            self.init(names)
        } else if address.isLoopback, configuration.behindProxy != true {
            self.init([])
        } else {
            self = .any
        }
    }

    /// Whether the value of a `Host` field is one of them, whatever its port.
    package func admits(_ field: String) -> Bool {
        guard let names else { return true }
        guard let host = HostRule.host(of: field) else { return false }
        return names.contains(host) || HostRule.isNumeric(host)
    }

    /// The name without its port, in lower case; nil for what is none.
    static func host(of field: String) -> String? {
        let text = field.lowercased()
        var host = text[...]
        if host.hasPrefix("[") {
            guard let end = host.firstIndex(of: "]") else { return nil }
            guard isPort(host[host.index(after: end)...]) else { return nil }
            return String(host[...end])
        }
        if let colon = host.firstIndex(of: ":") {
            guard isPort(host[colon...]) else { return nil }
            host = host[..<colon]
        }
        if host.hasSuffix(".") { host.removeLast() }
        let isName = !host.isEmpty && host.utf8.allSatisfy { isNameByte($0) }
        return isName ? String(host) : nil
    }

    private static func isNameByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"):
            true
        default: false
        }
    }

    private static func isPort(_ text: Substring) -> Bool {
        text.isEmpty || text.hasPrefix(":") && text.count <= 6 && text.dropFirst().allSatisfy { ("0"..."9").contains($0) }
    }

    private static func isNumeric(_ host: String) -> Bool {
        if host.hasPrefix("[") { return host.dropFirst().dropLast().allSatisfy { $0.isHexDigit || $0 == ":" || $0 == "." } }
        let parts = host.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count == 4 && parts.allSatisfy { UInt8($0) != nil }
    }
}
