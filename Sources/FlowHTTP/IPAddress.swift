import Glibc

/// An address of IPv4 or IPv6. One that is IPv4 in the clothes of IPv6 (`::ffff:127.0.0.1`) is the one of IPv4: the kernel connects to that.
package struct IPAddress: Hashable, Sendable {
    /// 4 or 16, in network order.
    let bytes: [UInt8]

    init(bytes: [UInt8]) {
        let isMapped = bytes.count == 16 && bytes.prefix(10).allSatisfy { $0 == 0 } && bytes[10] == 0xFF && bytes[11] == 0xFF
        self.bytes = isMapped ? Array(bytes.suffix(4)) : bytes
    }

    /// As people write it, without a zone or brackets; nil when it is not an address.
    package init?(_ text: String) {
        var v4 = in_addr()
        var v6 = in6_addr()
        if inet_pton(AF_INET, text, &v4) == 1 {
            self.init(bytes: withUnsafeBytes(of: &v4) { Array($0) })
        } else if inet_pton(AF_INET6, text, &v6) == 1 {
            self.init(bytes: withUnsafeBytes(of: &v6) { Array($0) })
        } else {
            return nil
        }
    }

    /// The address in it; nil when it is of neither family.
    init?(_ address: UnsafePointer<sockaddr>) {
        let raw = UnsafeRawPointer(address)
        switch Int32(address.pointee.sa_family) {
        case AF_INET: self.init(bytes: withUnsafeBytes(of: raw.loadUnaligned(as: sockaddr_in.self).sin_addr) { Array($0) })
        case AF_INET6: self.init(bytes: withUnsafeBytes(of: raw.loadUnaligned(as: sockaddr_in6.self).sin6_addr) { Array($0) })
        default: return nil
        }
    }

    package var isV4: Bool { bytes.count == 4 }

    /// 127.0.0.0/8 or ::1.
    package var isLoopback: Bool { isV4 ? bytes[0] == 127 : bytes.dropLast().allSatisfy { $0 == 0 } && bytes[15] == 1 }
}

extension IPAddress: CustomStringConvertible {
    package var description: String {
        var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
        guard inet_ntop(isV4 ? AF_INET : AF_INET6, bytes, &text, socklen_t(text.count)) != nil else { return "\(bytes)" }
        return String(decoding: text.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }
}

/// All addresses with the same beginning, such as `10.0.0.0/8` or `fe80::/10`.
package struct IPNetwork: Hashable, Sendable {
    package let base: IPAddress
    /// How many bits of the address are the network's.
    package let bits: Int

    /// An address, or an address and how many of its bits count. Nil when it is neither, or has bits behind those that count: `10.1.0.0/8`
    /// is more likely a slip than meant. What begins with `::ffff:` is the network of IPv4.
    package init?(_ text: String) {
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard let first = parts.first, let base = IPAddress(String(first)) else { return nil }
        let isMapped = base.isV4 && first.contains(":")
        var bits = base.bytes.count * 8
        if parts.count == 2 {
            guard parts[1].utf8.allSatisfy({ (48...57).contains($0) }), let said = Int(parts[1]) else { return nil }
            bits = said - (isMapped ? 96 : 0)
        }
        guard (0...base.bytes.count * 8).contains(bits) else { return nil }
        self.base = base
        self.bits = bits
        guard base.bytes.indices.allSatisfy({ base.bytes[$0] & ~mask(at: $0) == 0 }) else { return nil }
    }

    package func contains(_ address: IPAddress) -> Bool {
        guard address.bytes.count == base.bytes.count else { return false }
        return base.bytes.indices.allSatisfy { address.bytes[$0] & mask(at: $0) == base.bytes[$0] }
    }

    private func mask(at index: Int) -> UInt8 {
        let left = min(8, max(0, bits - index * 8))
        return left == 0 ? 0 : UInt8(truncatingIfNeeded: 0xFF << (8 - left))
    }
}

extension IPNetwork: CustomStringConvertible {
    package var description: String { "\(base)/\(bits)" }
}
