import CFlowShims
import Glibc

/// An address to connect to, as the kernel takes it.
struct SocketAddress: Sendable, Hashable {
    fileprivate var bytes: [UInt8]
    fileprivate var family: Int32

    /// Finds the addresses of a name. A numeric address costs no lookup and never blocks.
    static func numeric(_ text: String, port: Int) -> SocketAddress? {
        try? find(text, port: port, flags: AI_NUMERICHOST | AI_NUMERICSERV).first
    }

    /// Asks the resolver, which may block for long.
    static func lookUp(_ name: String, port: Int) throws(LookupFailure) -> [SocketAddress] {
        try find(name, port: port, flags: AI_NUMERICSERV | AI_ADDRCONFIG)
    }

    struct LookupFailure: Error {
        var message: String
        /// This machine has no descriptor or memory left just now: it says nothing about the host.
        var isShortage = false
    }

    private static func find(_ name: String, port: Int, flags: Int32) throws(LookupFailure) -> [SocketAddress] {
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        hints.ai_flags = flags
        var list: UnsafeMutablePointer<addrinfo>?
        let code = getaddrinfo(name, String(port), &hints, &list)
        guard code == 0 else { throw LookupFailure(message: String(cString: gai_strerror(code))) }
        defer { freeaddrinfo(list) }
        var found: [SocketAddress] = []
        var entry = list?.pointee
        while let info = entry {
            if let address = info.ai_addr {
                let bytes = Array(UnsafeRawBufferPointer(start: address, count: Int(info.ai_addrlen)))
                found.append(SocketAddress(bytes: bytes, family: info.ai_family))
            }
            entry = info.ai_next?.pointee
        }
        return found
    }

    /// Begins to connect a new non-blocking socket; throws `errno`'s text when that fails at once.
    func beginConnecting() throws(LookupFailure) -> Int32 {
        let kind = Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
        let descriptor = socket(family, kind, 0)
        guard descriptor >= 0 else { throw .of(errno) }
        guard flow_is_reserved(descriptor) == 0 else {
            close(descriptor)
            throw .of(EMFILE)
        }
        var on: Int32 = 1
        // Many small messages that wait for each other: without this each could wait for the other side's delayed acknowledgement.
        setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &on, socklen_t(MemoryLayout<Int32>.size))
        let code = bytes.withUnsafeBytes { buffer -> Int32 in
            guard let start = buffer.bindMemory(to: sockaddr.self).baseAddress else { return -1 }
            return connect(descriptor, start, socklen_t(buffer.count))
        }
        guard code == 0 || errno == EINPROGRESS else {
            let failure = LookupFailure.of(errno)
            close(descriptor)
            throw failure
        }
        return descriptor
    }

    /// What became of a connection that was begun: 0, or its `errno`.
    static func pendingError(_ descriptor: Int32) -> Int32 {
        var code: Int32 = 0
        var size = socklen_t(MemoryLayout<Int32>.size)
        return getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &code, &size) == 0 ? code : errno
    }
}

extension SocketAddress.LookupFailure {
    fileprivate static func of(_ code: Int32) -> Self {
        Self(message: SystemError.text(code), isShortage: CallError("", code).isShortage)
    }
}
