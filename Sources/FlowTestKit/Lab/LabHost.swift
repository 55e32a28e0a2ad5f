package import FlowModel
internal import FoundationEssentials
import Glibc

/// One host of the lab: an address of a real sshd with a root directory of its own.
package struct LabHost: Sendable {
    /// As the inventory has it, logging in as the unprivileged account.
    package var host: Host
    /// Its file system, as seen from outside (`/usr`, `/proc` and the like exist inside only).
    package var root: String
    /// Which daemon serves it.
    package var daemon: Int
    var bootIDFile: String

    /// The same host for the root account.
    package var asRoot: Host {
        var host = host
        host.user = "root"
        return host
    }

    /// Its processes, by process id as seen from outside: whatever has the host's root directory as its own.
    package func processes() -> [Int32] {
        guard let own = Self.identity(of: root) else { return [] }
        return Self.allProcesses().filter { $0 != getpid() && Self.identity(of: "/proc/\($0)/root/.") == own }
    }

    /// The sshd processes that serve its sessions. Killing one cuts the connection and nothing else.
    package func connections() -> [Int32] { processes().filter { Self.name(of: $0) == "sshd" } }

    /// Ends every process of the host and gives it a new boot id: what a reboot looks like from outside.
    package func reboot() throws {
        while case let left = processes(), !left.isEmpty {
            for process in left { kill(process, SIGKILL) }
            usleep(2000)
        }
        try Self.newBootID(bootIDFile)
    }

    /// Removes a directory of the host with all it holds, such as its spool.
    package func wipe(_ path: String) throws {
        precondition(path.hasPrefix("/") && !path.contains(".."), "wipe takes an absolute path")
        let outside = root + path
        guard FileManager.default.fileExists(atPath: outside) else { return }
        try FileManager.default.removeItem(atPath: outside)
    }

    static func newBootID(_ file: String) throws {
        // In place, not by rename: the host sees this very file mounted over its boot id.
        let descriptor = open(file, O_WRONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw LabError("cannot write '\(file)': \(String(cString: strerror(errno)))") }
        defer { close(descriptor) }
        let text = Array((UUID().uuidString.lowercased() + "\n").utf8)
        guard Glibc.write(descriptor, text, text.count) == text.count else { throw LabError("cannot write '\(file)'") }
    }

    private struct Identity: Equatable {
        var device: UInt64
        var inode: UInt64
    }

    private static func identity(of path: String) -> Identity? {
        var status = stat()
        guard stat(path, &status) == 0 else { return nil }
        return Identity(device: UInt64(status.st_dev), inode: UInt64(status.st_ino))
    }

    private static func allProcesses() -> [Int32] {
        ((try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []).compactMap { Int32($0) }
    }

    private static func name(of process: Int32) -> String? {
        (try? String(contentsOfFile: "/proc/\(process)/comm", encoding: .utf8)).map { String($0.prefix { !$0.isNewline }) }
    }
}

/// Why the lab did not do what it was asked.
package struct LabError: Error, CustomStringConvertible {
    package var description: String
    init(_ description: String) { self.description = description }
}
