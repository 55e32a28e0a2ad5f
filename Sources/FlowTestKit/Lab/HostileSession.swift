internal import CLibSSH
import Glibc

/// One session of a hostile server that gets as far as a key exchange; libssh's server side, on a thread that may block.
final class HostileSession {
    private let session: ssh_session
    private let door: ssh_bind
    private let behaviour: HostileServer.Behaviour

    init?(_ connection: Int32, key text: String, behaviour: HostileServer.Behaviour) {
        self.behaviour = behaviour
        var key: ssh_key?
        var off = false
        guard let session = ssh_new(), let door = ssh_bind_new(),
            ssh_pki_import_privkey_base64(text, nil, nil, nil, &key) == SSH_OK, let key
        else { return nil }
        self.session = session
        self.door = door
        _ = ssh_bind_options_set(door, SSH_BIND_OPTIONS_PROCESS_CONFIG, &off)
        // The door owns the key from here.
        guard ssh_bind_options_set(door, SSH_BIND_OPTIONS_IMPORT_KEY, UnsafeRawPointer(key)) == SSH_OK,
            ssh_bind_accept_fd(door, session, connection) == SSH_OK
        else { return nil }
    }

    deinit {
        ssh_free(session)
        ssh_bind_free(door)
    }

    func run() {
        guard ssh_handle_key_exchange(session) == SSH_OK else { return }
        var channel: ssh_channel?
        while let message = ssh_message_get(session) {
            defer { ssh_message_free(message) }
            switch ssh_message_type(message) {
            case Int32(SSH_REQUEST_AUTH.rawValue):
                if behaviour == .hangsAtAuthentication { return hang() }
                if behaviour == .refusesAuthentication {
                    _ = ssh_message_auth_set_methods(message, Int32(SSH_AUTH_METHOD_PASSWORD))
                    _ = ssh_message_reply_default(message)
                } else {
                    _ = ssh_message_auth_reply_success(message, 0)
                }
            case Int32(SSH_REQUEST_CHANNEL_OPEN.rawValue):
                if behaviour == .hangsAtChannel { return hang() }
                if behaviour == .refusesChannels {
                    _ = ssh_message_reply_default(message)
                } else {
                    channel = ssh_message_channel_request_open_reply_accept(message)
                }
            case Int32(SSH_REQUEST_CHANNEL.rawValue):
                guard let channel else { return }
                if execute(message, channel) { return }
            default: _ = ssh_message_reply_default(message)
            }
        }
    }

    /// True when the connection is to end.
    private func execute(_ message: ssh_message, _ channel: ssh_channel) -> Bool {
        switch behaviour {
        case .hangsAtExec:
            hang()
            return true
        case .diesAtExec: return true
        case .refusesExec:
            _ = ssh_message_reply_default(message)
            return false
        default: break
        }
        _ = ssh_message_channel_request_reply_success(message)
        _ = ssh_channel_write(channel, "some output\n", 12)
        switch behaviour {
        case .diesInOutput:
            _ = ssh_blocking_flush(session, 1000)
            return true
        case .endsWithoutStatus: _ = ssh_channel_send_eof(channel)
        case .closesWithoutStatus: _ = ssh_channel_close(channel)
        case .statusWithoutEnd: _ = ssh_channel_request_send_exit_status(channel, 3)
        case .floodsIgnores:
            let text = String(repeating: "x", count: 30_000)
            while ssh_send_ignore(session, text) == SSH_OK, ssh_blocking_flush(session, 1000) == SSH_OK {}
            return true
        default: break
        }
        hang()
        return true
    }

    /// Waits until the other side, or `stop`, ends the connection; answers nothing.
    private func hang() {
        // POLLRDHUP, which Swift's Glibc leaves out.
        let pollRDHUP: Int16 = 0x2000
        _ = ssh_blocking_flush(session, 1000)
        var waiting = pollfd(fd: ssh_get_fd(session), events: pollRDHUP, revents: 0)
        while poll(&waiting, 1, -1) < 0 && errno == EINTR {}
    }
}
