import Foundation
import Glibc

/// A connection that speaks as much of HTTP/1.1 as is needed to ask flowd something: one request at a time, kept alive.
final class HTTPConnection {
    struct Answer {
        var status: Int
        var body: Data
    }

    let descriptor: Int32
    private var pending: [UInt8] = []
    private var buffer = [UInt8](repeating: 0, count: 16 << 10)

    /// To a port of this machine.
    init(port: Int) throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(UInt16(port).bigEndian)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var on: Int32 = 1
        setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &on, socklen_t(MemoryLayout<Int32>.size))
        let size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let status = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(descriptor, $0, size) }
        }
        guard status == 0 else { throw HTTPConnection.failure("cannot connect to port \(port)") }
    }

    /// To a unix socket.
    init(socket path: String) throws {
        descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let room = MemoryLayout.size(ofValue: address.sun_path)
        guard path.utf8.count < room else { throw BenchmarkFailure("the path \(path) is too long for a socket") }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let size = socklen_t(MemoryLayout<sockaddr_un>.size)
        let status = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(descriptor, $0, size) }
        }
        guard status == 0 else { throw HTTPConnection.failure("cannot connect to \(path)") }
    }

    func close() { _ = Glibc.close(descriptor) }

    static func request(_ method: String, _ path: String, token: String? = nil, body: String = "") -> [UInt8] {
        var head = "\(method) \(path) HTTP/1.1\r\nHost: localhost\r\n"
        if let token { head += "Authorization: Bearer \(token)\r\n" }
        if !body.isEmpty { head += "Content-Type: application/json\r\nContent-Length: \(body.utf8.count)\r\n" }
        return Array((head + "\r\n" + body).utf8)
    }

    /// Requests are small enough for the socket's buffer, so this does not block.
    func send(_ request: [UInt8]) throws {
        guard write(descriptor, request, request.count) == request.count else { throw HTTPConnection.failure("cannot write") }
    }

    /// Reads once; the answer when it is there whole.
    func receive() throws -> Answer? {
        let count = read(descriptor, &buffer, buffer.count)
        guard count > 0 else { throw HTTPConnection.failure("the server closed the connection") }
        pending += buffer[..<count]
        return try takeAnswer()
    }

    func exchange(_ request: [UInt8]) throws -> Answer {
        try send(request)
        while true {
            if let answer = try receive() { return answer }
        }
    }

    private func takeAnswer() throws -> Answer? {
        guard let end = pending.firstRange(of: HTTPConnection.headEnd)?.upperBound else { return nil }
        let head = String(decoding: pending[..<end], as: UTF8.self)
        guard let status = Int(head.dropFirst(9).prefix(3)) else { throw BenchmarkFailure("no HTTP: \(head.prefix(60))") }
        var length = 0
        if let name = pending[..<end].firstRange(of: HTTPConnection.length) {
            for digit in pending[name.upperBound...] where digit != UInt8(ascii: " ") {
                guard (0x30...0x39).contains(digit) else { break }
                length = length * 10 + Int(digit & 15)
            }
        }
        guard pending.count >= end + length else { return nil }
        defer { pending.removeFirst(end + length) }
        return Answer(status: status, body: Data(pending[end..<end + length]))
    }

    private static let headEnd = Array("\r\n\r\n".utf8)
    /// As flowd's server writes it.
    private static let length = Array("Content-Length:".utf8)

    private static func failure(_ what: String) -> BenchmarkFailure { BenchmarkFailure("\(what): \(String(cString: strerror(errno)))") }
}
