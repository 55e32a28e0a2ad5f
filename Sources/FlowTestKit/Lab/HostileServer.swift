internal import CLibSSH
package import FlowModel
import FlowThreads
import Glibc
import Synchronization
internal import Workers

/// An SSH server that misbehaves in one chosen way, on a loopback port of its own.
package final class HostileServer: Sendable {
    package enum Behaviour: Sendable, Hashable, CaseIterable {
        // Before the key exchange has ended; the first does not even accept.
        case dropsConnections, silent, closesAtOnce, bannerOnly, closesAfterBanner, floodsLines, tricklesBanner, stopsAfterKeyInit,
            floodsAfterKeyInit
        // With a proper key exchange, then:
        case hangsAtAuthentication, refusesAuthentication, hangsAtChannel, refusesChannels, hangsAtExec, refusesExec, diesAtExec
        // With a running command, then:
        case hangsInOutput, diesInOutput, endsWithoutStatus, closesWithoutStatus, statusWithoutEnd, floodsIgnores
    }

    /// How to reach it; its true host key is in it.
    package let host: Host
    package let behaviour: Behaviour

    private struct State {
        var connections: [Int32] = []
        var isStopped = false
    }

    private let listener: Int32
    private let keyText: String
    private let state = Mutex(State())

    /// Listens and serves on threads of its own until `stop`. Throws `LabError`.
    package init(_ behaviour: Behaviour, identityFile: String) throws {
        self.behaviour = behaviour
        var key: ssh_key?
        var text: UnsafeMutablePointer<CChar>?
        var publicText: UnsafeMutablePointer<CChar>?
        guard ssh_pki_generate(SSH_KEYTYPE_ED25519, 0, &key) == SSH_OK, let key,
            ssh_pki_export_privkey_base64(key, nil, nil, nil, &text) == SSH_OK, let text,
            ssh_pki_export_pubkey_base64(key, &publicText) == SSH_OK, let publicText
        else { throw LabError("libssh made no host key") }
        defer {
            ssh_key_free(key)
            ssh_string_free_char(text)
            ssh_string_free_char(publicText)
        }
        keyText = String(cString: text)
        let (descriptor, port) = try Self.listen(backlog: behaviour == .dropsConnections ? 0 : 1024)
        listener = descriptor
        host = Host(
            name: "hostile-\(behaviour)", address: "127.0.0.1", port: port, user: "ops", identityFile: identityFile,
            hostKeys: ["ssh-ed25519 " + String(cString: publicText)])
        if behaviour == .dropsConnections {
            fillBacklog(port)
            return
        }
        guard OwnThread.start({ [weak self] in Self.acceptAll(descriptor) { self } }) else {
            throw LabError("no thread left")
        }
    }

    /// How many connections came in.
    package var connectionCount: Int { state.withLock { $0.connections.count } }

    /// Ends everything that it holds open.
    package func stop() {
        let open = state.withLock { state -> [Int32] in
            guard !state.isStopped else { return [] }
            state.isStopped = true
            shutdown(listener, Int32(SHUT_RDWR))
            return state.connections
        }
        for connection in open { shutdown(connection, Int32(SHUT_RDWR)) }
    }

    /// Its connections stay open until here, so that no number is shut down that belongs to somebody else by now.
    deinit {
        stop()
        for connection in state.withLock({ $0.connections }) { close(connection) }
    }

    private static func listen(backlog: Int32) throws -> (Int32, Int) {
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        var place = sockaddr_in()
        place.sin_family = sa_family_t(AF_INET)
        place.sin_addr.s_addr = in_addr_t(0x7F00_0001).bigEndian
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isBound = withUnsafeMutablePointer(to: &place) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(listener, $0, size) == 0 && Glibc.listen(listener, backlog) == 0 && getsockname(listener, $0, &size) == 0
            }
        }
        guard isBound else { throw LabError("cannot listen: \(String(cString: strerror(errno)))") }
        return (listener, Int(in_port_t(bigEndian: place.sin_port)))
    }

    /// Connections that nobody accepts: with the queue full of them the kernel drops every further attempt, as a silent network does.
    private func fillBacklog(_ port: Int) {
        var place = sockaddr_in()
        place.sin_family = sa_family_t(AF_INET)
        place.sin_addr.s_addr = in_addr_t(0x7F00_0001).bigEndian
        place.sin_port = in_port_t(port).bigEndian
        for _ in 0..<4 {
            let client = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue), 0)
            withUnsafePointer(to: &place) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    _ = connect(client, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
                }
            }
            state.withLock { $0.connections.append(client) }
        }
        state.withLock { $0.connections.append(listener) }
    }

    private static func acceptAll(_ listener: Int32, _ server: () -> HostileServer?) {
        while true {
            let connection = accept(listener, nil, nil)
            guard connection >= 0, let server = server() else { break }
            _ = fcntl(connection, F_SETFD, FD_CLOEXEC)
            let isOpen = server.state.withLock { state in
                if !state.isStopped { state.connections.append(connection) }
                return !state.isStopped
            }
            guard isOpen else { break }
            // The silent one needs no thread: a thousand clients may hang on it.
            if server.behaviour == .silent { continue }
            if server.behaviour == .closesAtOnce { shutdown(connection, Int32(SHUT_RDWR)) }
            _ = OwnThread.start { server.serve(connection) }
        }
        close(listener)
    }

    private func serve(_ connection: Int32) {
        switch behaviour {
        case .dropsConnections, .silent, .closesAtOnce: break
        case .bannerOnly: send(connection, "SSH-2.0-hostile\r\n")
        case .closesAfterBanner:
            send(connection, "SSH-2.0-hostile\r\n")
            shutdown(connection, Int32(SHUT_RDWR))
        case .floodsLines: while send(connection, String(repeating: "no banner yet\r\n", count: 1000)) {}
        case .tricklesBanner: while send(connection, "x\r\n") { usleep(100_000) }
        case .stopsAfterKeyInit: send(connection, Array("SSH-2.0-hostile\r\n".utf8) + Self.keyInit)
        case .floodsAfterKeyInit:
            guard send(connection, Array("SSH-2.0-hostile\r\n".utf8) + Self.keyInit) else { return }
            let ignores = Array(repeating: Self.packet([2] + [0, 0, 0, 4] + [1, 2, 3, 4]), count: 500).flatMap { $0 }
            while send(connection, ignores) {}
        default: HostileSession(fcntl(connection, F_DUPFD_CLOEXEC, 0), key: keyText, behaviour: behaviour)?.run()
        }
    }

    @discardableResult
    private func send(_ connection: Int32, _ text: String) -> Bool { send(connection, Array(text.utf8)) }

    @discardableResult
    private func send(_ connection: Int32, _ bytes: [UInt8]) -> Bool {
        var sent = 0
        while sent < bytes.count {
            let count = bytes.withUnsafeBytes {
                Glibc.send(connection, $0.baseAddress.map { $0 + sent }, bytes.count - sent, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { return false }
            sent += count
        }
        return true
    }

    /// A packet before encryption: length, length of the padding, payload, padding (RFC 4253 §6).
    private static func packet(_ payload: [UInt8]) -> [UInt8] {
        var padding = 8 - (5 + payload.count) % 8
        if padding < 4 { padding += 8 }
        return length(1 + payload.count + padding) + [UInt8(padding)] + payload + [UInt8](repeating: 0, count: padding)
    }

    private static func length(_ count: Int) -> [UInt8] { (0..<4).map { UInt8(truncatingIfNeeded: count >> (24 - 8 * $0)) } }

    /// SSH_MSG_KEXINIT with what every client accepts.
    private static let keyInit: [UInt8] = {
        let lists = [
            "curve25519-sha256", "ssh-ed25519", "aes128-gcm@openssh.com", "aes128-gcm@openssh.com", "hmac-sha2-256",
            "hmac-sha2-256",
            "none", "none", "", "",
        ]
        return packet(
            [20] + [UInt8](repeating: 7, count: 16) + lists.flatMap { length($0.utf8.count) + Array($0.utf8) } + [
                0, 0, 0, 0, 0,
            ])
    }()
}
