import FlowDSL

/// What one host says at the end.
struct HostReport: Codable, Sendable {
    var host: String
    /// How many of the things below had to be changed: 0 the second time.
    var changes: Int
    var hardened: Bool
}

/// What the flow hands out.
struct Summary: Codable, Sendable {
    var hosts: Int
    var changed: Int
}

/// Brings new servers into the state that operations expect: account, key, directories, limits, sshd settings; then checks.
///
/// Every script compares before it writes, so running it again changes nothing and says so.
@main struct ServerInit: Flow {
    static let summary = "Account, key, directories, limits and sshd settings on new servers, then a check"

    @Param("Hosts to initialise") var hosts: Selector = "group:new"
    @Param("Account that operations use", pattern: "[a-z_][a-z0-9_-]{0,31}") var account: String = "ops"
    @Param("Its public key, as in authorized_keys", pattern: #"(ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp256) [A-Za-z0-9+/=]+( .*)?"#)
    var key: String
    @Param("Open files allowed to the account") var openFiles: Int = 65536
    @Param("Directory that stands for / on the hosts: empty for the real one, another to try the flow out") var root: String = ""
    @Param("Account to become on the hosts (sudo -n); empty for the one that logs in") var become: String = ""

    var body: some FlowBody {
        let reports = map("init", over: $hosts, width: 10) { host in
            let user = script("account", file: "server-init/account.sh", $root, $account, on: host, as: "\($become)")
            let access = script("key", file: "server-init/key.sh", $root, $account, $key, on: host, as: "\($become)")
            let folders = script("directories", file: "server-init/directories.sh", $root, $account, on: host, as: "\($become)")
            let limits = script("limits", file: "server-init/limits.sh", $root, $account, $openFiles, on: host, as: "\($become)")
            let sshd = script("sshd", file: "server-init/sshd.sh", $root, on: host, as: "\($become)")
            script("check", file: "server-init/check.sh", $root, $account, on: host, as: "\($become)")
            script(
                "report", file: "server-init/report.sh", host.name, user.changed, access.changed, folders.changed,
                limits.changed, sshd.changed, on: host, output: HostReport.self)
        }

        step("summary", reports) { context, reports in
            for report in reports.map(\.value) { context.log("\(report.host): changed \(report.changes)") }
            return Summary(hosts: reports.count, changed: reports.map(\.value.changes).reduce(0, +))
        }
    }
}
