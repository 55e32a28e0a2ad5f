import CLibSSH
import Glibc

/// What a libssh call that never blocks came to.
enum Progress {
    case done
    case again
    case failed(String)
}

/// A session with a server that nothing is known about yet.
///
/// A session goes through three types, and the handle of libssh is visible in this file only. `SSHSession` exchanges keys and
/// tells which host key was shown. `VerifiedSession` comes from `verified(against:)` alone and authenticates. `ReadySession` comes
/// from authentication alone and runs commands. So no code can authenticate with a server whose key was not checked.
///
/// Belongs to one thread at a time.
final class SSHSession {
    fileprivate let raw: ssh_session
    private let received: UnsafeMutablePointer<ssh_counter_struct>
    /// Ours until libssh closes it, which it does on errors and with the session.
    let descriptor: Int32

    /// Takes over the connected socket. nil, with the socket left alone, when libssh refuses an option.
    init?(descriptor: Int32, user: String, hostKeyAlgorithms: String) {
        guard let raw = ssh_new() else { return nil }
        self.raw = raw
        self.descriptor = descriptor
        received = .allocate(capacity: 1)
        received.initialize(to: ssh_counter_struct())
        guard configure(user: user, hostKeyAlgorithms: hostKeyAlgorithms) else { return nil }
        ssh_set_counters(raw, received, nil)
        ssh_set_blocking(raw, 0)
        var descriptor = descriptor
        guard ssh_options_set(raw, SSH_OPTIONS_FD, &descriptor) == SSH_OK else { return nil }
    }

    deinit {
        ssh_free(raw)
        received.deallocate()
    }

    private func configure(user: String, hostKeyAlgorithms: String) -> Bool {
        var off: Int32 = 0
        // No file of anybody's takes part: no ssh_config (CVE-2023-6004), no known_hosts beside the inventory.
        let options: [(ssh_options_e, String)] = [
            (SSH_OPTIONS_SSH_DIR, "/nonexistent"), (SSH_OPTIONS_KNOWNHOSTS, "/dev/null"),
            (SSH_OPTIONS_GLOBAL_KNOWNHOSTS, "/dev/null"), (SSH_OPTIONS_USER, user),
            (SSH_OPTIONS_HOSTKEYS, hostKeyAlgorithms), (SSH_OPTIONS_KEY_EXCHANGE, Self.keyExchanges),
            (SSH_OPTIONS_CIPHERS_C_S, Self.ciphers), (SSH_OPTIONS_CIPHERS_S_C, Self.ciphers),
        ]
        return ssh_options_set(raw, SSH_OPTIONS_PROCESS_CONFIG, &off) == SSH_OK
            && options.allSatisfy { option, value in ssh_options_set(raw, option, value) == SSH_OK }
    }

    /// Cheapest first: curve25519 takes a fifth of a millisecond, the groups at the end many.
    private static let keyExchanges = """
        curve25519-sha256,curve25519-sha256@libssh.org,ecdh-sha2-nistp256,ecdh-sha2-nistp384,ecdh-sha2-nistp521,\
        diffie-hellman-group16-sha512,diffie-hellman-group14-sha256
        """
    private static let ciphers =
        "aes128-gcm@openssh.com,aes256-gcm@openssh.com,chacha20-poly1305@openssh.com,aes256-ctr,aes128-ctr"

    /// Goes on with banner and key exchange.
    func exchangeKeys() -> Progress {
        for _ in 0..<8 {
            let code = ssh_connect(raw)
            stayNonBlocking()
            if code == SSH_OK { return .done }
            guard code == SSH_AGAIN else { return .failed(failure) }
            guard wantsOutput else { break }
        }
        return .again
    }

    /// libssh makes a socket blocking the first time it finds it writable; from then on a send to a server that reads nothing
    /// would hold up every other session.
    private func stayNonBlocking() {
        guard ssh_is_connected(raw) != 0 else { return }
        let flags = fcntl(descriptor, F_GETFL)
        if flags >= 0, flags & O_NONBLOCK == 0 { _ = fcntl(descriptor, F_SETFL, flags | O_NONBLOCK) }
    }

    /// Whether bytes wait for the socket to take them.
    var wantsOutput: Bool { ssh_get_poll_flags(raw) & SSH_WRITE_PENDING != 0 }
    /// Bytes that came in so far.
    var receivedBytes: UInt64 { received.pointee.in_bytes }
    /// Whether libssh still has the socket: on an error it closes it by itself, and the number may be another's file by then.
    var isOpen: Bool { ssh_get_fd(raw) == descriptor }
    /// Whether the server has said which protocol it speaks.
    var hasBanner: Bool { ssh_get_serverbanner(raw) != nil }
    var isAlive: Bool {
        ssh_is_connected(raw) != 0 && ssh_get_status(raw) & (SSH_CLOSED | SSH_CLOSED_ERROR) == 0
    }

    /// libssh's last error, in one printable line: parts of it come from the server.
    var failure: String {
        let text = ssh_get_error(UnsafeMutableRawPointer(raw)).map { String(cString: $0) } ?? ""
        let line = text.unicodeScalars.prefix(300).map { $0.value < 32 || $0.value == 127 ? " " : String($0) }.joined()
        return line.isEmpty ? "the connection was closed" : line
    }

    /// The key that the server showed and proved to have; nil before the key exchange.
    var shownKey: HostKey? {
        var key: ssh_key?
        guard ssh_get_server_publickey(raw, &key) == SSH_OK, let key else { return nil }
        defer { ssh_key_free(key) }
        return HostKey(key)
    }

    /// Compares the key that the server showed with those of the inventory. The only way to a `VerifiedSession`.
    func verified(against endpoint: Endpoint) throws -> VerifiedSession {
        func refuse(_ message: String) -> TransportError { TransportError(.hostKey, message, isTransient: false) }
        guard let shown = shownKey else { throw refuse("\(endpoint) showed no host key; nothing was sent to it.") }
        guard !endpoint.hostKeys.isEmpty else {
            throw refuse(
                """
                \(endpoint) has no host key in the inventory; it showed \(shown), and nothing was sent to it. If that is the right \
                key, accept it with: flowctl inventory add \(endpoint.name) \(endpoint.address) --port \(endpoint.port)
                """)
        }
        guard endpoint.hostKeys.contains(shown) else {
            let known = endpoint.hostKeys.map(\.description).joined(separator: ", ")
            throw refuse(
                """
                \(endpoint) showed the host key \(shown), the inventory has \(known); nothing was sent to it. The host was \
                installed anew, or somebody stands between: find out which before you change the inventory.
                """)
        }
        return VerifiedSession(session: self)
    }
}

/// A session whose host key is one of the inventory's: it may authenticate.
struct VerifiedSession {
    fileprivate let session: SSHSession

    enum Authentication {
        case done(ReadySession)
        case again
        /// The server does not take this key for this account.
        case refused(String)
        case failed(String)
    }

    var wantsOutput: Bool { session.wantsOutput }
    var isOpen: Bool { session.isOpen }

    /// Goes on with authentication by a private key.
    func authenticate(with key: ssh_key) -> Authentication {
        for _ in 0..<8 {
            let answer = outcome(ssh_userauth_publickey(session.raw, nil, key))
            guard case .again = answer, session.wantsOutput else { return answer }
        }
        return .again
    }

    /// Authenticates by the agent behind `agent`, a connected socket that libssh takes over. Blocks while the agent thinks, so it
    /// runs on a thread of its own with the session lent to it; ends early when either socket is shut down.
    func authenticateByAgent(_ agent: Int32) -> Authentication {
        guard ssh_set_agent_socket(session.raw, agent) == SSH_OK else { return .failed(session.failure) }
        while true {
            let answer = outcome(ssh_userauth_agent(session.raw, nil))
            guard case .again = answer else { return answer }
            let wanted = Int16(POLLIN) | (session.wantsOutput ? Int16(POLLOUT) : 0)
            var waiting = pollfd(fd: session.descriptor, events: wanted, revents: 0)
            _ = poll(&waiting, 1, 1000)
        }
    }

    private func outcome(_ code: Int32) -> Authentication {
        switch code {
        case SSH_AUTH_SUCCESS.rawValue:
            guard let ready = ReadySession(session) else { return .failed(session.failure) }
            return .done(ready)
        case SSH_AUTH_AGAIN.rawValue: return .again
        case SSH_AUTH_DENIED.rawValue: return .refused("it accepts \(acceptedMethods)")
        case SSH_AUTH_PARTIAL.rawValue: return .refused("it asks for more than a key: \(acceptedMethods)")
        default: return .failed(session.failure)
        }
    }

    private var acceptedMethods: String {
        let names: [(UInt32, String)] = [
            (SSH_AUTH_METHOD_PUBLICKEY, "publickey"), (SSH_AUTH_METHOD_PASSWORD, "password"),
            (SSH_AUTH_METHOD_INTERACTIVE, "keyboard-interactive"), (SSH_AUTH_METHOD_HOSTBASED, "hostbased"),
            (SSH_AUTH_METHOD_GSSAPI_MIC, "gssapi"),
        ]
        let methods = UInt32(bitPattern: ssh_userauth_list(session.raw, nil))
        let known = names.filter { methods & $0.0 != 0 }.map(\.1)
        return known.isEmpty ? "no method that it names" : known.joined(separator: ", ")
    }
}

/// An authenticated session: it runs commands.
final class ReadySession {
    private let session: SSHSession
    private let event: ssh_event

    fileprivate init?(_ session: SSHSession) {
        guard let event = ssh_event_new() else { return nil }
        guard ssh_event_add_session(event, session.raw) == SSH_OK else {
            ssh_event_free(event)
            return nil
        }
        self.session = session
        self.event = event
    }

    // The event goes before the session that it points to.
    deinit { ssh_event_free(event) }

    var descriptor: Int32 { session.descriptor }
    var wantsOutput: Bool { session.wantsOutput }
    var isAlive: Bool { session.isAlive }
    var isOpen: Bool { session.isOpen }
    var failure: String { session.failure }
    var receivedBytes: UInt64 { session.receivedBytes }

    /// Reads and writes what the socket has and takes, up to a bound that is fair to other sessions. What came in is in the
    /// callbacks of the channels by then.
    func pump() {
        for _ in 0..<16 {
            let before = session.receivedBytes
            guard ssh_event_dopoll(event, 0) >= 0 else { return }
            // libssh reads 4 KiB at a time: less than that means that the socket is empty.
            guard session.receivedBytes - before >= 4096 || session.wantsOutput else { return }
        }
    }

    /// Asks the server for a sign of life. Whatever it sends next is one.
    func askForLife() {
        // Twice: after an answered request the first call only takes note of the answer, and a second one in a row sends nothing.
        for _ in 0..<2 { _ = ssh_send_keepalive(session.raw) }
    }

    func makeChannel() -> ssh_channel? { ssh_channel_new(session.raw) }

    /// Closes the socket, at once. For a session without channels: libssh frees those too.
    ///
    /// Not `ssh_disconnect`: it says goodbye, and then forgets a socket that it was given, still open; nobody could close it any more.
    func close() { ssh_silent_disconnect(session.raw) }
}
