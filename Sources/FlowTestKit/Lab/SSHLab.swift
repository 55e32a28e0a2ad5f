internal import Dispatch
import FlowModel
internal import FoundationEssentials
import Glibc

/// Hosts on this machine that are real to everything that speaks SSH: one address, one root directory, one boot id each.
///
/// ```swift
/// let lab = try await SSHLab.start(hosts: 3, in: directory)
/// // lab.hosts[0].host goes into an inventory; lab.hosts[0].root holds its files
/// await lab.stop()
/// ```
/// sshd is OpenSSH's own, at most 16 addresses for each daemon. Needs root, for namespaces and mounts; both end with the daemons, so
/// that nothing is left on the machine but the lab's directory.
package final class SSHLab: Sendable {
    package let directory: String
    package let hosts: [LabHost]
    /// Served by an sshd with OpenSSH's own `MaxStartups` and `MaxSessions`; only with `LabOptions.withDefaultServer`.
    package let defaultHost: LabHost?
    /// The private key that every host takes for `ops` and `root`.
    package let identityFile: String

    private let layout: LabLayout
    let state: LabState

    private init(layout: LabLayout, state: LabState, hosts: [LabHost], defaultHost: LabHost?) {
        directory = layout.directory
        identityFile = layout.identityFile
        self.layout = layout
        self.state = state
        self.hosts = hosts
        self.defaultHost = defaultHost
    }

    /// Why no lab can be had here; nil when it can. Tests that need one are skipped with these words.
    package static var obstacle: String? {
        guard geteuid() == 0 else { return "the SSH lab needs root (namespaces, mounts, chroot)" }
        let programs = ["/usr/sbin/sshd", "/usr/bin/ssh-keygen", "/usr/bin/unshare", "/usr/bin/mount"]
        guard let missing = programs.first(where: { access($0, X_OK) != 0 }) else { return nil }
        return "the SSH lab needs \(missing) (apt-get install openssh-server openssh-client util-linux mount)"
    }

    /// Starts `count` hosts, `lab-1` and so on. Returns when all of them listen. Throws `LabError`.
    package static func start(hosts count: Int, in directory: String, options: LabOptions = LabOptions()) async throws -> SSHLab {
        try await onThread { try startNow(count, in: directory, options: options) }
    }

    /// Ends every process of the lab. Its files stay.
    package func stop() async {
        let state = state
        _ = try? await onThread { state.stop() }
    }

    /// Ends the lab that another process started in `directory`, from what that noted there.
    package static func stop(directory: String) async throws {
        try await onThread { try LabState.read(absolute(directory)).stop() }
    }

    // MARK: What tests do to hosts

    /// What the daemon of a host has logged.
    package func log(of host: LabHost) -> String { state.daemons[host.daemon].log }

    /// A new host key for the daemon of `host`, and so for all hosts that it serves. Returns when it shows it.
    package func changeHostKey(of host: LabHost) async throws {
        let (layout, state) = (layout, state)
        try await onThread {
            try layout.replaceHostKeys(host.daemon)
            try state.daemons[host.daemon].reload()
        }
    }

    // MARK: The inventory

    /// All hosts as an inventory file.
    package var inventoryYAML: String {
        let all = hosts + (defaultHost.map { [$0] } ?? [])
        var text = "hosts:\n"
        for host in all.map(\.host) {
            let labels = host.labels.sorted { $0.key < $1.key }.map { "\($0.key): \($0.value)" }.joined(separator: ", ")
            text += """
                  \(host.name): {address: \(host.address), port: \(host.port), user: \(host.user ?? ""), \
                identityFile: "\(host.identityFile ?? "")", hostKey: "\(host.hostKeys.first ?? "")", labels: {\(labels)}}

                """
        }
        return text + "groups:\n  lab: [\(hosts.map(\.host.name).joined(separator: ", "))]\n"
    }

    // MARK: Starting

    private static func startNow(_ count: Int, in directory: String, options: LabOptions) throws -> SSHLab {
        if let obstacle { throw LabError(obstacle) }
        guard (1...LabLimits.hosts).contains(count) else { throw LabError("\(count) hosts: a lab has 1 to \(LabLimits.hosts)") }
        let directory = absolute(directory)
        if let running = try? LabState.read(directory), running.isRunning {
            throw LabError("a lab runs in '\(directory)' already. Type: flow-lab stop --dir '\(directory)'")
        }
        // Where sshd locks its unprivileged half in; Debian's unit makes it at boot.
        mkdir("/run/sshd", 0o755)
        let layout = LabLayout(directory: directory, options: options)
        try layout.writeShared()
        let port = try options.port ?? freePort()
        var state = LabState(directory: directory, cgroup: LabCgroup.make())
        do {
            let plans = plan(count, withDefault: options.withDefaultServer)
            let hosts = try plans.flatMap { try start($0, layout: layout, port: port, state: &state) }
            for daemon in state.daemons { try daemon.waitUntilListening() }
            try state.write()
            let defaults = plans.first(where: \.hasDefaults)?.number
            let lab = SSHLab(
                layout: layout, state: state, hosts: hosts.filter { $0.daemon != defaults },
                defaultHost: hosts.first { $0.daemon == defaults })
            try Data(lab.inventoryYAML.utf8).write(to: URL(fileURLWithPath: directory + "/inventory.yaml"))
            return lab
        } catch {
            state.stop()
            throw error
        }
    }

    private struct DaemonPlan {
        var number: Int
        var hosts: [(name: String, address: String)]
        var hasDefaults: Bool
    }

    private static func plan(_ count: Int, withDefault: Bool) -> [DaemonPlan] {
        let names = (0..<count).map { (name: "lab-\($0 + 1)", address: "127.0.\(10 + $0 / 250).\($0 % 250 + 1)") }
        let size = LabLimits.hostsPerDaemon
        var plans = (0..<(count + size - 1) / size).map { number in
            DaemonPlan(number: number, hosts: Array(names.dropFirst(number * size).prefix(size)), hasDefaults: false)
        }
        if withDefault {
            plans.append(DaemonPlan(number: plans.count, hosts: [("lab-default", "127.0.9.1")], hasDefaults: true))
        }
        return plans
    }

    private static func start(_ plan: DaemonPlan, layout: LabLayout, port: Int, state: inout LabState) throws -> [LabHost] {
        let cgroup = state.cgroup?.makeDaemon(plan.number, hosts: plan.hosts.map(\.name))
        let roots = try plan.hosts.map { try layout.writeHost($0.name) }
        let folder = try layout.writeDaemon(
            plan.number, hosts: plan.hosts, port: port, hasDefaults: plan.hasDefaults, cgroup: cgroup)
        state.daemons.append(try LabDaemon.start(folder: folder, addresses: plan.hosts.count))
        let key = try layout.hostKey(plan.number)
        return zip(plan.hosts, roots).enumerated().map { index, entry in
            let (place, files) = entry
            let labels = ["idc": index % 2 == 0 ? "js" : "gd", "role": index % 3 == 0 ? "db" : "web"]
            let host = Host(
                name: place.name, address: place.address, port: port, user: LabLayout.user, identityFile: layout.identityFile,
                hostKeys: [key], labels: labels)
            return LabHost(host: host, root: files.root, daemon: plan.number, bootIDFile: files.bootIDFile)
        }
    }

    /// A port that is free on the first addresses, below those that the kernel gives to clients.
    private static func freePort() throws -> Int {
        for _ in 0..<100 {
            let port = Int.random(in: 20_000..<30_000)
            if ["127.0.10.1", "127.0.9.1"].allSatisfy({ isFree($0, port) }) { return port }
        }
        throw LabError("found no free port between 20000 and 30000")
    }

    private static func isFree(_ address: String, _ port: Int) -> Bool {
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        defer { close(listener) }
        var place = sockaddr_in()
        place.sin_family = sa_family_t(AF_INET)
        place.sin_port = in_port_t(port).bigEndian
        inet_pton(AF_INET, address, &place.sin_addr)
        return withUnsafePointer(to: &place) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(listener, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
    }

    private static func absolute(_ path: String) -> String {
        URL(fileURLWithPath: path).standardizedFileURL.path
    }
}

/// Runs something that blocks outside Swift's cooperative threads.
func onThread<Value: Sendable>(_ work: @escaping @Sendable () throws -> Value) async throws -> Value {
    try await withCheckedThrowingContinuation { continuation in
        DispatchQueue.global().async { continuation.resume(with: Result(catching: work)) }
    }
}
