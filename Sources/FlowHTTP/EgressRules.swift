/// Which addresses may be connected to. Judged by the address that a connection is made to, behind name lookup: a name that has a good
/// address when it is looked at and another when it is used gains nothing.
package struct EgressRules: Hashable, Sendable {
    /// Nobody means these, and who gets a request sent to them reads what is meant for this machine alone:
    package static let usuallyForbidden: [IPNetwork] = [
        // Link-local: the metadata services of most clouds hand out credentials there.
        "169.254.0.0/16", "fe80::/10",
        // Metadata services elsewhere: AWS and GCP over IPv6, Azure, Alibaba, Oracle (in the IETF's own /24).
        "fd00:ec2::254", "fd20:ce::254", "168.63.129.16", "100.100.100.200", "192.0.0.0/24",
        // "This host": Linux connects to itself, whatever is said about loopback.
        "0.0.0.0/8", "::",
        // Multicast, reserved, broadcast: there is no host there.
        "224.0.0.0/4", "ff00::/8", "240.0.0.0/4",
        // Tunnels (6to4, Teredo, local NAT64): an address of IPv4 in there would come past the rules for it.
        "2002::/16", "2001::/32", "64:ff9b:1::/48",
    ].compactMap { IPNetwork($0) }

    /// NAT64: the last four bytes are an address of IPv4, and are judged as that.
    private static let translated = IPNetwork("64:ff9b::/96")

    /// Where nothing but these may be connected to; empty: no such rule.
    package var allowed: [IPNetwork]
    /// Wins over `allowed`.
    package var forbidden: [IPNetwork]
    /// 127.0.0.0/8 and ::1, which is about this machine and not about a network: neither list but `forbidden` speaks of them.
    package var isLoopbackAllowed: Bool

    package init(allowed: [IPNetwork] = [], forbidden: [IPNetwork] = EgressRules.usuallyForbidden, isLoopbackAllowed: Bool = false) {
        self.allowed = allowed
        self.forbidden = forbidden
        self.isLoopbackAllowed = isLoopbackAllowed
    }

    /// Why an address may not be connected to.
    package struct Refusal: Hashable, Sendable, CustomStringConvertible {
        package enum Reason: Hashable, Sendable {
            case forbidden(IPNetwork)
            case loopback
            case notAllowed
        }

        package var address: IPAddress
        package var reason: Reason

        package var description: String {
            switch reason {
            case .forbidden(let network): "\(address) may not be connected to: \(network) is forbidden"
            case .loopback: "\(address) may not be connected to: it is this machine"
            case .notAllowed: "\(address) may not be connected to: it is in no network that is allowed"
            }
        }
    }

    /// Nil: it may be connected to.
    package func refusal(of address: IPAddress) -> Refusal? {
        if let network = forbidden.first(where: { $0.contains(address) }) { return Refusal(address: address, reason: .forbidden(network)) }
        if let translated = Self.translated, translated.contains(address) {
            return refusal(of: IPAddress(bytes: Array(address.bytes.suffix(4))))
        }
        if address.isLoopback { return isLoopbackAllowed ? nil : Refusal(address: address, reason: .loopback) }
        guard allowed.isEmpty || allowed.contains(where: { $0.contains(address) }) else { return Refusal(address: address, reason: .notAllowed) }
        return nil
    }
}
