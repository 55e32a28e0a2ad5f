import FlowModel

/// An address that notifications are posted to: plain HTTP on this machine, HTTPS anywhere. Parsed strictly, without user
/// information, so that what is checked is what is dialled.
struct NotifyURL: Equatable, Sendable {
    var isSecure: Bool
    var host: String
    var port: Int
    var path: String

    init?(_ text: String) {
        let isSecure = text.hasPrefix("https://")
        guard isSecure || text.hasPrefix("http://"), text.utf8.allSatisfy({ (0x21..<0x7F).contains($0) }) else { return nil }
        let rest = text.dropFirst(isSecure ? 8 : 7)
        let slash = rest.firstIndex(of: "/") ?? rest.endIndex
        let authority = rest[..<slash]
        guard !authority.isEmpty, !authority.contains("@"), !authority.contains("?"), !authority.contains("#") else {
            return nil
        }
        let path = rest[slash...].split(separator: "#", omittingEmptySubsequences: false).first.map(String.init) ?? ""
        let address: ListenAddress?
        let hasPort = authority.hasSuffix("]") ? false : authority.contains(":")
        address = try? ListenAddress(hasPort ? String(authority) : "\(authority):\(isSecure ? 443 : 80)")
        guard let address, address.port > 0, isSecure || address.isLoopback else { return nil }
        self.isSecure = isSecure
        host = address.host
        port = address.port
        self.path = path.isEmpty ? "/" : path
    }
}
