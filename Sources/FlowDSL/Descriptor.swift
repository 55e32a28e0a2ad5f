@preconcurrency internal import Glibc

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

    /// Reads exactly `count` bytes and the descriptor that was sent with the first of them, if any; nil at the end.
    func receive(_ count: Int) -> (bytes: [UInt8], passenger: Descriptor?)? {
        var bytes = [UInt8](repeating: 0, count: count)
        // A `cmsghdr` (length, level, type) and one number behind it.
        var control: [UInt64] = [0, 0, 0]
        let got = bytes.withUnsafeMutableBytes { bytes in
            control.withUnsafeMutableBytes { control in
                var part = iovec(iov_base: bytes.baseAddress, iov_len: bytes.count)
                return withUnsafeMutablePointer(to: &part) { part in
                    var message = msghdr()
                    (message.msg_iov, message.msg_iovlen) = (part, 1)
                    (message.msg_control, message.msg_controllen) = (control.baseAddress, control.count)
                    var got = 0
                    repeat { got = recvmsg(number, &message, Int32(MSG_CMSG_CLOEXEC)) } while got < 0 && errno == EINTR
                    return got
                }
            }
        }
        guard got > 0 else { return nil }
        let passenger = control[0] == 20 ? Descriptor(number: Int32(truncatingIfNeeded: control[2])) : nil
        guard got < count else { return (bytes, passenger) }
        guard let rest = read(count - got) else {
            passenger?.close()
            return nil
        }
        return (bytes.prefix(got) + rest, passenger)
    }

    /// Writes all of it at `offset`. False when it could not.
    func write(_ bytes: [UInt8], at offset: Int) -> Bool {
        var done = 0
        while done < bytes.count {
            let written = bytes.withUnsafeBytes {
                pwrite(number, $0.baseAddress?.advanced(by: done), $0.count - done, off_t(offset + done))
            }
            if written < 0, errno == EINTR { continue }
            guard written > 0 else { return false }
            done += written
        }
        return true
    }

    func sync() -> Bool { fdatasync(number) == 0 }

    /// Takes back what a failed write left. Fails only where nothing can be done: then what follows stands in its place.
    func cut(at size: Int) { _ = ftruncate(number, off_t(size)) }

    /// Whether the file may be executed by its owner.
    var isExecutable: Bool {
        var status = stat()
        return fstat(number, &status) == 0 && status.st_mode & S_IXUSR != 0
    }

    /// Writing to it fails where it would have to wait.
    func neverBlock() { _ = fcntl(number, F_SETFL, O_NONBLOCK) }

    func close() { Glibc.close(number) }

    /// Writing to a pipe that nobody reads fails from now on, instead of ending the process. Programs that are started from here
    /// are not touched: a handler is not inherited.
    static func ignoreBrokenPipes() { signal(SIGPIPE) { _ in } }

    /// What is printed goes nowhere from now on.
    static func discardOutput() {
        let nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC)
        guard nowhere >= 0 else { return }
        dup2(nowhere, 1)
        dup2(nowhere, 2)
        Glibc.close(nowhere)
    }

    /// What is printed goes out line by line, as to a terminal: who reads it sees it when it was printed, in the step that printed it.
    /// Before anything is printed.
    static func printByLine() { setvbuf(stdout, nil, _IOLBF, 0) }

    /// Sends what was printed and does not end in a newline. May block, as printing does.
    static func flushPrinted() { fflush(stdout) }

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
