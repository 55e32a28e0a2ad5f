internal import Glibc

// What tests do to the lines between engine and hosts.
extension SSHLab {
    /// Cuts every connection to the daemon of a host, and to the others that it serves. Returns how many there were.
    package func cutConnections(of host: LabHost) -> Int {
        let sessions = sessions(of: host)
        for process in sessions.flatMap({ $0.children + [$0] }) { kill(process.id, SIGKILL) }
        return sessions.count
    }

    /// Stops the other end of every connection to the daemon of a host, or lets it go on. Returns how many there were.
    package func freezeConnections(of host: LabHost, _ isFrozen: Bool) -> Int {
        let sessions = sessions(of: host)
        for process in sessions.flatMap({ $0.children + [$0] }) { kill(process.id, isFrozen ? SIGSTOP : SIGCONT) }
        return sessions.count
    }

    /// One process for each connection, and below it the one that speaks.
    private func sessions(of host: LabHost) -> [LabProcess] { state.daemons[host.daemon].process.children.first?.children ?? [] }
}
