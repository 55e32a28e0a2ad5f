/// What kind of lab to start.
package struct LabOptions: Sendable {
    /// Whether one more host is served by an sshd that has OpenSSH's own `MaxStartups` and `MaxSessions`.
    package var withDefaultServer = false
    /// The port of every host; nil takes a free one.
    package var port: Int?
    /// sshd's `LogLevel`. `DEBUG1` names every authentication request.
    package var logLevel = "VERBOSE"
    /// Further lines of sshd's configuration, before its `Match` blocks.
    package var sshdLines: [String] = []

    package init() {}
}

/// The bounds of the lab.
package enum LabLimits {
    /// Hosts of one lab.
    package static let hosts = 1000
    /// Addresses of one sshd, which refuses more than 16 `ListenAddress` lines.
    package static let hostsPerDaemon = 16
    /// Seconds that a daemon may take to listen.
    package static let startSeconds = 20.0
    /// Seconds that a killed process may take to be gone.
    static let endSeconds = 20.0
}
