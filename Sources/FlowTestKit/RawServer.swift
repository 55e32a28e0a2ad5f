import Foundation
import Glibc
import Synchronization

/// A server on loopback that says exactly what a test has it say. Each connection has a thread of its own; no call waits longer than 20 s.
package final class RawServer: Sendable {
    package struct NoPort: Error {}

    package let port: Int
    private let listener: Int32
    private let counts = Mutex((open: 0, most: 0, all: 0))

    package var url: String { "http://127.0.0.1:\(port)" }
    /// Connections at once, at most, and altogether.
    package var mostAtOnce: Int { counts.withLock { $0.most } }
    package var connections: Int { counts.withLock { $0.all } }

    /// On a free port of 127.0.0.1, or on a unix socket.
    package init(socket path: String? = nil, _ serve: @escaping @Sendable (Peer) -> Void) throws {
        let isLocal = path != nil
        listener = socket(isLocal ? AF_UNIX : AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        let listener = listener
        guard let port = path.map({ RawServer.bind(listener, path: $0) }) ?? RawServer.bindPort(listener), listen(listener, 512) == 0 else {
            throw NoPort()
        }
        self.port = port
        Thread.detachNewThread { [self] in
            while case let descriptor = accept(listener, nil, nil), descriptor >= 0 {
                _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
                counts.withLock { $0 = ($0.open + 1, max($0.most, $0.open + 1), $0.all + 1) }
                Thread.detachNewThread { [self] in
                    let peer = Peer(descriptor)
                    serve(peer)
                    peer.close()
                    counts.withLock { $0.open -= 1 }
                }
            }
            Glibc.close(listener)
        }
    }

    /// Who accepts closes the listener: its number may be another's as soon as it is closed.
    package func stop() { shutdown(listener, Int32(SHUT_RDWR)) }

    private static func bindPort(_ listener: Int32) -> Int? {
        var place = sockaddr_in()
        place.sin_family = sa_family_t(AF_INET)
        place.sin_addr.s_addr = inet_addr("127.0.0.1")
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isBound = withUnsafeMutablePointer(to: &place) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { Glibc.bind(listener, $0, size) == 0 && getsockname(listener, $0, &size) == 0 }
        }
        return isBound ? Int(in_port_t(bigEndian: place.sin_port)) : nil
    }

    package static func bind(_ listener: Int32, path: String) -> Int {
        var place = sockaddr_un()
        place.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &place.sun_path) { $0.copyBytes(from: path.utf8) }
        return withUnsafePointer(to: &place) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { Int(Glibc.bind(listener, $0, socklen_t(MemoryLayout<sockaddr_un>.size))) }
        }
    }
}

/// The server's end of a connection. Lives on one thread.
package final class Peer {
    package struct Request: Sendable {
        package var head: String
        package var body: [UInt8]

        package var line: String { String(head.prefix { $0 != "\r\n" }) }
        package var path: String { line.split(separator: " ").dropFirst().first.map(String.init) ?? "" }
        /// In lower case, in order.
        package var headers: [String] { head.split(separator: "\r\n").dropFirst().map { $0.lowercased() } }
    }

    private let descriptor: Int32
    private var isOpen = true
    private var left: [UInt8] = []

    init(_ descriptor: Int32) {
        self.descriptor = descriptor
        var timeout = timeval(tv_sec: 20, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &timeout, socklen_t(MemoryLayout<timeval>.size))
        setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &timeout, socklen_t(MemoryLayout<timeval>.size))
    }

    /// The next request with its body; nil: the other side has closed.
    package func request() -> Request? {
        let end = Array("\r\n\r\n".utf8)
        while true {
            if let range = left.firstRange(of: end) {
                let head = String(decoding: left[..<range.lowerBound], as: UTF8.self)
                let length = head.lowercased().split(separator: "\r\n").first { $0.hasPrefix("content-length:") }
                    .flatMap { Int($0.dropFirst("content-length:".count).trimmingCharacters(in: .whitespaces)) }
                let size = range.upperBound + (length ?? 0)
                while left.count < size { guard read() else { return nil } }
                defer { left.removeFirst(size) }
                return Request(head: head, body: Array(left[range.upperBound..<size]))
            }
            guard read() else { return nil }
        }
    }

    private func read() -> Bool {
        var buffer = [UInt8](repeating: 0, count: 65_536)
        let count = recv(descriptor, &buffer, buffer.count, 0)
        if count > 0 { left += buffer.prefix(count) }
        return count > 0
    }

    /// False when the other side takes no more.
    @discardableResult
    package func send(_ text: String) -> Bool { send(Array(text.utf8)) }

    @discardableResult
    package func send(_ bytes: [UInt8]) -> Bool {
        var sent = 0
        while sent < bytes.count {
            let count = bytes.withUnsafeBytes {
                Glibc.send(descriptor, $0.baseAddress?.advanced(by: sent), bytes.count - sent, Int32(bitPattern: UInt32(MSG_NOSIGNAL)))
            }
            guard count > 0 else { return false }
            sent += count
        }
        return true
    }

    @discardableResult
    package func answer(_ status: String = "200 OK", _ headers: [String] = [], _ body: String = "") -> Bool {
        send((["HTTP/1.1 \(status)"] + headers + ["Content-Length: \(body.utf8.count)", "", body]).joined(separator: "\r\n"))
    }

    /// Whether the other side closes within so many milliseconds, without another byte.
    package func isClosed(within milliseconds: Int32) -> Bool {
        guard isReady(POLLIN, within: milliseconds) else { return false }
        var byte: UInt8 = 0
        return recv(descriptor, &byte, 1, Int32(MSG_PEEK)) <= 0
    }

    /// Whether the kernel takes more within so many milliseconds.
    package func canSend(within milliseconds: Int32) -> Bool { isReady(POLLOUT, within: milliseconds) }

    private func isReady(_ what: Int32, within milliseconds: Int32) -> Bool {
        var poll = pollfd(fd: descriptor, events: Int16(what), revents: 0)
        return Glibc.poll(&poll, 1, milliseconds) > 0
    }

    /// Cuts the connection off: what was sent may be lost with it.
    package func reset() {
        var linger = Glibc.linger(l_onoff: 1, l_linger: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &linger, socklen_t(MemoryLayout<Glibc.linger>.size))
        close()
    }

    package func close() {
        guard isOpen else { return }
        isOpen = false
        Glibc.close(descriptor)
    }
}
