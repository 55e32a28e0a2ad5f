import FlowModel
import Foundation
import Glibc

/// A TCP connection for bytes that no HTTP client would send. Waits at most 20 s for an answer.
final class RawClient {
    private let file: Int32

    /// `source`: the address to come from, one of 127.0.0.0/8.
    init(port: Int, from source: String = "127.0.0.1") throws {
        file = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        var timeout = timeval(tv_sec: 20, tv_usec: 0)
        setsockopt(file, SOL_SOCKET, SO_RCVTIMEO, &timeout, socklen_t(MemoryLayout<timeval>.size))
        guard RawClient.with(source, 0, { bind(file, $0, $1) }) == 0, RawClient.with("127.0.0.1", port, { connect(file, $0, $1) }) == 0 else {
            close(file)
            throw FlowError(.internal, subject: "connect", String(cString: strerror(errno)))
        }
    }

    private static func with(_ address: String, _ port: Int, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32) -> Int32 {
        var place = sockaddr_in()
        place.sin_family = sa_family_t(AF_INET)
        place.sin_port = in_port_t(UInt16(port).bigEndian)
        place.sin_addr.s_addr = inet_addr(address)
        return withUnsafePointer(to: &place) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, socklen_t(MemoryLayout<sockaddr_in>.size)) }
        }
    }

    deinit { close(file) }

    func send(_ text: String) { send(Array(text.utf8)) }

    func send(_ bytes: [UInt8]) {
        var sent = 0
        while sent < bytes.count {
            let count = bytes.withUnsafeBytes {
                Glibc.send(file, $0.baseAddress?.advanced(by: sent), bytes.count - sent, Int32(bitPattern: UInt32(MSG_NOSIGNAL)))
            }
            // The server may have closed before it read everything: its answer is here all the same.
            if count <= 0 { return }
            sent += count
        }
    }

    /// No more comes from here.
    func finish() { shutdown(file, Int32(SHUT_WR)) }

    /// What comes until the other side closes.
    func readAll() -> String {
        var all = ""
        while let piece = read() { all += piece }
        return all
    }

    /// What comes until `mark` is in it.
    func read(until mark: String) -> String {
        var all = ""
        while !all.contains(mark), let piece = read() { all += piece }
        return all
    }

    func readMore() -> String? { read() }

    private func read() -> String? {
        var buffer = [UInt8](repeating: 0, count: 65_536)
        let count = recv(file, &buffer, buffer.count, 0)
        return count > 0 ? String(decoding: buffer.prefix(count), as: UTF8.self) : nil
    }

    /// Whether the other side has closed it already.
    var isClosed: Bool {
        var byte: UInt8 = 0
        let count = recv(file, &byte, 1, Int32(bitPattern: UInt32(MSG_PEEK | MSG_DONTWAIT)))
        return count == 0 || count < 0 && errno != EAGAIN
    }
}

/// Does blocking work on a thread of its own.
func onThread<Value: Sendable>(_ work: @escaping @Sendable () throws -> Value) async throws -> Value {
    try await withCheckedThrowingContinuation { continuation in
        Thread.detachNewThread { continuation.resume(with: Result { try work() }) }
    }
}
