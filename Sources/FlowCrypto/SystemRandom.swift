/// Random bytes for keys, nonces and ids.
package enum SystemRandom {
    /// From the system's generator, which does not fail on Linux.
    ///
    /// Not from libcrypto's: that one's state is in the process, and a machine that is copied while it runs would copy it, and seal two
    /// texts with one nonce.
    package static func bytes(_ count: Int) -> [UInt8] {
        var generator = SystemRandomNumberGenerator()
        var bytes: [UInt8] = []
        bytes.reserveCapacity(count)
        while bytes.count < count {
            // Each number is a system call: all of its bytes are used.
            withUnsafeBytes(of: generator.next()) { bytes.append(contentsOf: $0.prefix(count - bytes.count)) }
        }
        return bytes
    }
}
