import CLibSSH

/// What libssh calls for a channel.
extension SSHCommand {
    /// They note what came and nothing else: libssh may call them in the midst of a call of ours.
    static func callbacks(for command: UnsafeMutableRawPointer) -> ssh_channel_callbacks_struct {
        var table = ssh_channel_callbacks_struct()
        table.size = MemoryLayout<ssh_channel_callbacks_struct>.size
        table.userdata = command
        table.channel_data_function = { _, _, data, length, isError, user in
            guard let user, let data else { return 0 }
            let bytes = UnsafeRawBufferPointer(start: data, count: Int(length))
            return Int32(SSHCommand.at(user).received(bytes, isError: isError != 0))
        }
        table.channel_eof_function = { _, _, user in
            if let user { SSHCommand.at(user).sawEndOfOutput() }
        }
        table.channel_close_function = { _, _, user in
            if let user { SSHCommand.at(user).sawChannelClose() }
        }
        table.channel_exit_status_function = { _, _, status, user in
            if let user { SSHCommand.at(user).ended(status: Int(status), signal: nil) }
        }
        table.channel_exit_signal_function = { _, _, signal, _, _, _, user in
            guard let user else { return }
            let name = signal.map { String(cString: $0) } ?? ""
            SSHCommand.at(user).ended(status: nil, signal: SSHCommand.signals[name] ?? 0)
        }
        return table
    }

    private static func at(_ pointer: UnsafeMutableRawPointer) -> SSHCommand {
        Unmanaged<SSHCommand>.fromOpaque(pointer).takeUnretainedValue()
    }

    /// The signals that RFC 4254 names. Any other is told as 0: the command was killed, by which signal is not said.
    private static let signals: [String: Int] = [
        "HUP": 1, "INT": 2, "QUIT": 3, "ILL": 4, "ABRT": 6, "FPE": 8, "KILL": 9, "USR1": 10, "SEGV": 11, "USR2": 12, "PIPE": 13,
        "ALRM": 14, "TERM": 15,
    ]
}
