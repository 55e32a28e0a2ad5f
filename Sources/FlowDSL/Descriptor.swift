internal import Glibc

/// A file descriptor that somebody else opened for this process.
struct Descriptor: Sendable {
    let number: Int32

    static let standardError = Descriptor(number: 2)

    /// Writes all of it. False when the other side is gone.
    @discardableResult
    func write(_ bytes: [UInt8]) -> Bool {
        var rest = bytes[...]
        while !rest.isEmpty {
            let written = rest.withUnsafeBytes { Glibc.write(number, $0.baseAddress, $0.count) }
            if written < 0, errno == EINTR { continue }
            guard written > 0 else { return false }
            rest = rest.dropFirst(written)
        }
        return true
    }

    func write(_ text: String) { write(Array(text.utf8)) }

    /// Reads exactly `count` bytes; nil at the end.
    func read(_ count: Int) -> [UInt8]? {
        var bytes = [UInt8](repeating: 0, count: count)
        var filled = 0
        while filled < count {
            let got = bytes.withUnsafeMutableBytes { Glibc.read(number, $0.baseAddress?.advanced(by: filled), count - filled) }
            if got < 0, errno == EINTR { continue }
            guard got > 0 else { return nil }
            filled += got
        }
        return bytes
    }

    static func exit(_ status: Int32) -> Never { Glibc.exit(status) }
}

/// Says which system call the confinement refused, so that the author learns what a flow file may not do.
///
/// The loader's filter answers a refused call with SIGSYS. The handler only writes: nothing else is safe there.
enum RefusedCall {
    nonisolated(unsafe) private static var descriptor: Int32 = -1

    /// `!` and the number of the call, to the descriptor where the envelope would have gone. Set once, before any other thread.
    static func report(to target: Descriptor) {
        descriptor = target.number
        var action = sigaction()
        action.__sigaction_handler.sa_sigaction = { _, info, _ in
            let number = info?.pointee._sifields._sigsys._syscall ?? -1
            withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 16) { buffer in
                var count = 0
                var rest = number
                repeat {
                    count += 1
                    buffer[16 - count] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10)
                    rest /= 10
                } while rest > 0 && count < 15
                count += 1
                buffer[16 - count] = UInt8(ascii: "!")
                _ = Glibc.write(RefusedCall.descriptor, buffer.baseAddress?.advanced(by: 16 - count), count)
            }
            _exit(70)
        }
        action.sa_flags = SA_SIGINFO
        sigaction(SIGSYS, &action, nil)
    }
}
