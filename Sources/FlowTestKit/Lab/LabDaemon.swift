internal import FoundationEssentials
import Glibc

/// One sshd of the lab, first process of its own namespaces: whatever its sessions leave behind ends with it.
struct LabDaemon: Codable, Hashable, Sendable {
    var folder: String
    var addresses: Int
    var process: LabProcess

    static func start(folder: String, addresses: Int) throws -> LabDaemon {
        // What an earlier lab in this directory left behind would be taken for this one's.
        for file in ["/log", "/setup.log"] { unlink(folder + file) }
        let arguments = ["--mount", "--pid", "--fork", "--kill-child=KILL", "/bin/sh", folder + "/setup.sh"]
        let process = try LabProcess.start("/usr/bin/unshare", arguments, log: folder + "/setup.log")
        return LabDaemon(folder: folder, addresses: addresses, process: process)
    }

    /// Returns when it listens everywhere, for the `times`th time. `urge` is done again and again until then.
    func waitUntilListening(times: Int = 1, urge: () -> Void = {}) throws {
        let deadline = Date.now.addingTimeInterval(LabLimits.startSeconds)
        while announcements < times * addresses {
            urge()
            guard Date.now < deadline, process.isAlive else {
                // Without a file the reason is in the other one.
                let setup = (try? String(contentsOfFile: folder + "/setup.log", encoding: .utf8)) ?? ""
                throw LabError("the sshd of '\(folder)' does not listen: \((setup + log).suffix(500))")
            }
            usleep(5000)
        }
    }

    /// Has it read its configuration and keys again.
    func reload() throws {
        let before = announcements
        guard let daemon = process.children.first else { throw LabError("the sshd of '\(folder)' is gone") }
        // Again and again: the first process of a namespace does not get signals that it has no handler for yet.
        try waitUntilListening(times: before / addresses + 1) {
            kill(daemon.id, SIGHUP)
            usleep(50_000)
        }
    }

    private var announcements: Int {
        log.split(separator: "\n").count { $0.contains("Server listening on") }
    }

    /// What it has logged, line by line: sshd ends its lines with CR LF, which Swift takes for one character.
    var log: String {
        // No file yet: nothing logged.
        ((try? String(contentsOfFile: folder + "/log", encoding: .utf8)) ?? "").replacing("\r\n", with: "\n")
    }
}

/// The lab's part of the cgroup tree, so that attempts on hosts can have groups of their own.
struct LabCgroup: Codable, Hashable, Sendable {
    var path: String

    /// Makes it; nil where there is no writable cgroup2.
    static func make() -> LabCgroup? {
        for mount in ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"] where access(mount + "/cgroup.procs", W_OK) == 0 {
            let path = mount + "/flow-lab-\(getpid())-\(UInt32.random(in: 0 ... .max))"
            if access(mount + "/cgroup.controllers", F_OK) == 0, mkdir(path, 0o755) == 0 { return LabCgroup(path: path) }
        }
        return nil
    }

    /// One group for the daemon, one below it for each host. The lab's account may move its processes within.
    func makeDaemon(_ number: Int, hosts: [String]) -> String? {
        let daemon = path + "/daemon-\(number)"
        guard mkdir(daemon, 0o755) == 0 else { return nil }
        chown(daemon + "/cgroup.procs", LabLayout.userID, LabLayout.userID)
        for host in hosts {
            mkdir("\(daemon)/\(host)", 0o755)
            for part in ["", "/cgroup.procs", "/cgroup.subtree_control", "/cgroup.threads"] {
                chown("\(daemon)/\(host)\(part)", LabLayout.userID, LabLayout.userID)
            }
        }
        return daemon
    }

    /// Removes it with all below; its processes have ended.
    func remove() { Self.remove(path) }

    private static func remove(_ path: String) {
        for entry in (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? [] {
            var status = stat()
            if stat(path + "/" + entry, &status) == 0, status.st_mode & S_IFMT == S_IFDIR { remove(path + "/" + entry) }
        }
        // Processes that were just killed keep it for a moment.
        for _ in 0..<500 where rmdir(path) != 0 && errno == EBUSY { usleep(2000) }
    }
}

/// What has to be known to end a lab: kept in its directory, so that another process can.
struct LabState: Codable, Sendable {
    var directory: String
    var daemons: [LabDaemon] = []
    var cgroup: LabCgroup?

    init(directory: String, cgroup: LabCgroup?) {
        self.directory = directory
        self.cgroup = cgroup
    }

    var isRunning: Bool { daemons.contains(where: \.process.isAlive) }

    static func read(_ directory: String) throws -> LabState {
        guard let data = FileManager.default.contents(atPath: directory + "/lab.json") else {
            throw LabError("there is no lab in '\(directory)'")
        }
        return try JSONDecoder().decode(LabState.self, from: data)
    }

    func write() throws {
        try JSONEncoder().encode(self).write(to: URL(fileURLWithPath: directory + "/lab.json"))
    }

    func stop() {
        for daemon in daemons { daemon.process.end() }
        cgroup?.remove()
    }
}
