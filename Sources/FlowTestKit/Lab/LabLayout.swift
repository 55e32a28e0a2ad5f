import FlowModel
internal import FoundationEssentials
import Glibc

/// The files of a lab: keys, accounts, one root for each host, one configuration for each daemon.
///
/// ```
/// DIR/inventory.yaml  lab.json  id_ed25519
///     etc/{passwd,group,shadow}      the accounts that the daemons know, mounted over the machine's
///     keys/ops  keys/root            authorized keys
///     daemons/0/{sshd_config,setup.sh,log,ssh_host_*}
///     hosts/lab-1/{root/…,boot_id}
/// ```
/// A daemon lives in a mount and a process namespace of its own: there DIR is `/mnt`, and every mount ends with the daemon.
struct LabLayout {
    static let inside = "/mnt"
    static let user = "ops"
    static let userID: uid_t = 20_001
    /// A second account, for which authentication never ends.
    static let hangingUser = "hang"

    let directory: String
    let options: LabOptions

    var identityFile: String { directory + "/id_ed25519" }

    private static let accounts =
        """
        root:x:0:0:root:/root:/bin/sh
        sshd:x:100:65534::/run/sshd:/usr/sbin/nologin
        ops:x:20001:20001:operator:/home/ops:/bin/sh
        hang:x:20002:20001:never logs in:/home/ops:/bin/sh
        nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin

        """ + LabAccount.all.map(\.line).joined()
    private static let groups = "root:x:0:\nops:x:20001:\nsudo:x:27:ops\nnogroup:x:65534:\n"
    // '*', not '!': sshd without PAM refuses accounts that look locked.
    private static let shadow =
        (["root", "sshd", "ops", "hang", "nobody"] + LabAccount.all.map(\.name)).map { "\($0):*:19000:0:99999:7:::\n" }.joined()

    /// Writes what all daemons share.
    func writeShared() throws {
        for folder in ["", "/etc", "/keys", "/daemons", "/hosts"] { try make(directory + folder) }
        try write(Self.accounts, "/etc/passwd")
        try write(Self.groups, "/etc/group")
        try write(Self.shadow, "/etc/shadow", mode: 0o640)
        try generateKey("ed25519", at: identityFile)
        let key = try String(contentsOfFile: identityFile + ".pub", encoding: .utf8)
        for user in [Self.user, "root"] + LabAccount.all.map(\.name) { try write(key, "/keys/\(user)") }
        try write("#!/bin/sh\nexec sleep 1000\n", "/keys/hang.sh", mode: 0o755)
    }

    /// Writes the root of a host: its own `/etc`, `/home`, `/tmp`, `/var`, devices, and the places where mounts go.
    func writeHost(_ name: String) throws -> (root: String, bootIDFile: String) {
        let base = directory + "/hosts/" + name
        let root = base + "/root"
        try make(base)
        try make(root)
        let folders = [
            "usr", "proc", "sys", "sys/fs", "sys/fs/cgroup", "dev", "etc", "etc/alternatives", "home", "run", "var", "var/lib",
            "var/log", "opt", "srv", "mnt",
        ]
        for folder in folders { try make(root + "/" + folder) }
        for folder in ["tmp", "var/tmp", "run/lock"] { try make(root + "/" + folder, mode: 0o1777) }
        try make(root + "/root", mode: 0o700)
        try make(root + "/home/ops", mode: 0o755)
        chown(root + "/home/ops", Self.userID, Self.userID)
        for account in LabAccount.all where account.hasHome {
            try make(root + "/home/" + account.name, mode: 0o755)
            chown(root + "/home/" + account.name, account.userID, Self.userID)
        }
        for link in ["bin", "sbin", "lib", "lib64"] { symlink("usr/" + link, root + "/" + link) }
        for (name, minor) in [("null", 3), ("zero", 5), ("full", 7), ("random", 8), ("urandom", 9)] {
            mknod(root + "/dev/" + name, S_IFCHR | 0o666, dev_t(1 << 8 | minor))
            chmod(root + "/dev/" + name, 0o666)
        }
        for (name, target) in [("fd", ""), ("stdin", "/0"), ("stdout", "/1"), ("stderr", "/2")] {
            symlink("/proc/self/fd" + target, root + "/dev/" + name)
        }
        try writeEtc(root, name: name)
        let bootIDFile = base + "/boot_id"
        try write("", bootIDFile.dropping(directory), mode: 0o444)
        try LabHost.newBootID(bootIDFile)
        return (root, bootIDFile)
    }

    private func writeEtc(_ root: String, name: String) throws {
        let etc = root.dropping(directory) + "/etc"
        try write(Self.accounts, etc + "/passwd")
        try write(Self.groups, etc + "/group")
        try write(Self.shadow, etc + "/shadow", mode: 0o640)
        try write(name + "\n", etc + "/hostname")
        try write("127.0.0.1 localhost\n", etc + "/hosts")
        try write(UUID().uuidString.lowercased().replacing("-", with: "") + "\n", etc + "/machine-id")
        try write("passwd: files\ngroup: files\nshadow: files\nhosts: files\n", etc + "/nsswitch.conf")
        try write("ops ALL=(ALL) NOPASSWD: ALL\nroot ALL=(ALL) ALL\n", etc + "/sudoers", mode: 0o440)
        for file in ["os-release", "ld.so.cache"] {
            // Programs do without either.
            try? FileManager.default.copyItem(atPath: "/etc/" + file, toPath: root + "/etc/" + file)
        }
    }

    /// Writes what a daemon needs and returns its folder.
    func writeDaemon(_ number: Int, hosts: [(name: String, address: String)], port: Int, hasDefaults: Bool, cgroup: String?)
        throws -> String
    {
        let folder = "/daemons/\(number)"
        try make(directory + folder)
        for type in ["ed25519", "ecdsa"] { try generateKey(type, at: directory + folder + "/ssh_host_\(type)_key") }
        try write(configuration(folder, hosts: hosts, port: port, hasDefaults: hasDefaults), folder + "/sshd_config")
        try write(setup(folder, hosts: hosts, cgroup: cgroup), folder + "/setup.sh")
        return directory + folder
    }

    private func configuration(_ folder: String, hosts: [(name: String, address: String)], port: Int, hasDefaults: Bool)
        -> String
    {
        // Of two lines that say the same thing sshd takes the first.
        var lines = options.sshdLines + ["Port \(port)"]
        lines += hosts.map { "ListenAddress \($0.address)" }
        lines += ["ed25519", "ecdsa"].map { "HostKey \(Self.inside)\(folder)/ssh_host_\($0)_key" }
        lines += [
            "PidFile none", "UsePAM no", "PasswordAuthentication no", "KbdInteractiveAuthentication no",
            "PermitRootLogin prohibit-password", "AuthorizedKeysFile \(Self.inside)/keys/%u", "UseDNS no", "PrintMotd no",
            "PrintLastLog no", "X11Forwarding no", "AllowAgentForwarding no", "LogLevel \(options.logLevel)",
            // The default of OpenSSH 9.2 is post-quantum first, which costs a client that has it 150 ms.
            "KexAlgorithms curve25519-sha256,curve25519-sha256@libssh.org,ecdh-sha2-nistp256",
        ]
        if !hasDefaults { lines += ["MaxStartups 2000", "MaxSessions 200"] }
        for host in hosts {
            lines += ["Match LocalAddress \(host.address)", "  ChrootDirectory \(Self.inside)/hosts/\(host.name)/root"]
        }
        lines += [
            "Match User \(Self.hangingUser)", "  AuthorizedKeysCommand \(Self.inside)/keys/hang.sh",
            "  AuthorizedKeysCommandUser nobody",
        ]
        return lines.joined(separator: "\n") + "\n"
    }

    /// What the daemon's namespace does before it becomes sshd.
    private func setup(_ folder: String, hosts: [(name: String, address: String)], cgroup: String?) -> String {
        var lines = ["set -eu", "mount --bind '\(directory)' \(Self.inside)"]
        lines += ["passwd", "group", "shadow"].map { "mount --bind \(Self.inside)/etc/\($0) /etc/\($0)" }
        lines.append("for host in \(hosts.map(\.name).joined(separator: " ")); do")
        lines += [
            "  root=\(Self.inside)/hosts/$host/root",
            "  mount --bind -o ro /usr $root/usr",
            "  mount --bind -o ro /etc/alternatives $root/etc/alternatives",
            "  mount -t proc proc $root/proc",
            "  mount --bind \(Self.inside)/hosts/$host/boot_id $root/proc/sys/kernel/random/boot_id",
        ]
        if let cgroup { lines.append("  mount --bind \(cgroup)/$host $root/sys/fs/cgroup") }
        lines += ["done"]
        if let cgroup { lines.append("echo $$ > \(cgroup)/cgroup.procs") }
        lines.append("exec /usr/sbin/sshd -D -E \(Self.inside)\(folder)/log -f \(Self.inside)\(folder)/sshd_config")
        return lines.joined(separator: "\n") + "\n"
    }

    /// Replaces the host keys of a daemon.
    func replaceHostKeys(_ number: Int) throws {
        for type in ["ed25519", "ecdsa"] { try generateKey(type, at: directory + "/daemons/\(number)/ssh_host_\(type)_key") }
    }

    /// A daemon's host key, as the inventory takes it.
    func hostKey(_ number: Int, type: String = "ed25519") throws -> String {
        let text = try String(contentsOfFile: directory + "/daemons/\(number)/ssh_host_\(type)_key.pub", encoding: .utf8)
        return text.split(separator: " ").prefix(2).joined(separator: " ")
    }

    private func generateKey(_ type: String, at path: String) throws {
        for old in [path, path + ".pub"] { unlink(old) }
        try LabProcess.run("/usr/bin/ssh-keygen", ["-q", "-t", type, "-N", "", "-C", "lab", "-f", path])
    }

    private func make(_ path: String, mode: mode_t = 0o755) throws {
        guard mkdir(path, mode) == 0 || errno == EEXIST else {
            throw LabError("cannot make '\(path)': \(String(cString: strerror(errno)))")
        }
        // mkdir applies the umask; sshd is particular about these.
        chmod(path, mode)
    }

    private func write(_ text: String, _ path: String, mode: mode_t = 0o644) throws {
        try Data(text.utf8).write(to: URL(fileURLWithPath: directory + path))
        chmod(directory + path, mode)
    }
}

extension String {
    fileprivate func dropping(_ prefix: String) -> String { hasPrefix(prefix) ? String(dropFirst(prefix.count)) : self }
}
