package import FlowModel
internal import Glibc

/// An account that every host of the lab has beside its operator: as somebody finds it on a machine that others set up.
package struct LabAccount: Hashable, Sendable, CustomStringConvertible {
    package var name: String
    package var shell: String
    package var hasHome = true
    var userID: UInt32

    package var description: String { name }

    /// Whether this machine, and so each host of the lab, has the shell.
    package var isHere: Bool { access(shell, X_OK) == 0 }

    package static let csh = LabAccount(name: "csh", shell: "/usr/bin/bsd-csh", userID: 20_011)
    package static let tcsh = LabAccount(name: "tcsh", shell: "/usr/bin/tcsh", userID: 20_012)
    package static let fish = LabAccount(name: "fish", shell: "/usr/bin/fish", userID: 20_013)
    package static let bash = LabAccount(name: "bash", shell: "/usr/bin/bash", userID: 20_014)
    /// May not log in.
    package static let closed = LabAccount(name: "closed", shell: "/usr/sbin/nologin", userID: 20_015)
    package static let homeless = LabAccount(name: "homeless", shell: "/usr/bin/dash", hasHome: false, userID: 20_016)

    package static let all = [csh, tcsh, fish, bash, closed, homeless]

    /// Of `/etc/passwd`.
    var line: String {
        let home = hasHome ? "/home/\(name)" : "/nonexistent"
        return "\(name):x:\(userID):\(LabLayout.userID):\(name):\(home):\(shell)\n"
    }
}

extension LabHost {
    /// The same host for one of its other accounts.
    package func asAccount(_ account: LabAccount) -> Host {
        var host = host
        host.user = account.name
        return host
    }
}
