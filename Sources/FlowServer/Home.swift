import CFlowShims
package import FlowModel
import FlowStoreSQLite
import Glibc

/// `$FLOW_HOME`: the directory that holds everything one engine keeps.
package struct Home: Hashable, Sendable {
    /// Absolute, without a slash at its end.
    package let path: String

    package var socket: String { path + "/flow.sock" }
    package var configuration: String { path + "/flowd.yaml" }
    package var outputs: String { path + "/output" }
    package var trapNote: String { path + "/inhand" }
    /// The path as seen from the working directory.
    static func absolute(_ path: String) -> String {
        guard !path.hasPrefix("/"), let folder = getcwd(nil, 0) else { return path }
        defer { free(folder) }
        return String(cString: folder) + "/" + path
    }

    /// Where a file named in the configuration is.
    package func file(_ name: String) -> String { name.hasPrefix("/") ? name : path + "/" + name }

    /// Opens the directory, or makes it, for its owner alone. Refuses one that others may write to.
    package init(opening path: String) throws(FlowError) {
        mkdir(path, 0o700)
        let code = errno
        guard let resolved = realpath(path, nil) else {
            throw FlowError(
                .storage, subject: path, "The engine did not start: the directory \(path) cannot be made: \(Home.text(code)).",
                hint: Home.elsewhere)
        }
        defer { free(resolved) }
        let absolute = String(cString: resolved)
        var facts = flow_file_facts()
        guard flow_facts_of_path(absolute, &facts) == 0, facts.mode & UInt32(S_IFMT) == UInt32(S_IFDIR) else {
            throw FlowError(
                .storage, subject: absolute, "The engine did not start: \(absolute) is not a directory.",
                hint: Home.elsewhere)
        }
        guard facts.mode & 0o022 == 0 else {
            throw FlowError(
                .storage, subject: absolute,
                "The engine did not start: others than its owner may write to \(absolute), and so change what is run.",
                hint: "chmod 700 \(absolute)")
        }
        guard access(absolute, R_OK | W_OK | X_OK) == 0 else {
            throw FlowError(
                .storage, subject: absolute, "The engine did not start: \(absolute) cannot be written: \(Home.text(errno)).",
                hint: Home.elsewhere)
        }
        // A unix socket's address holds 107 bytes.
        guard absolute.utf8.count + "/flow.sock".utf8.count <= 107 else {
            throw FlowError(
                .storage, subject: absolute,
                "The engine did not start: the path \(absolute) is too long for a socket in it (97 bytes are allowed).",
                hint: "export FLOW_HOME to a shorter path")
        }
        self.path = absolute
    }

    /// Whether next to nothing can be written there any more.
    static func isFull(_ path: String) -> Bool { (0..<Int64(StoreLimits.reserveBytes)).contains(Int64(flow_free_bytes(path))) }

    /// The user who owns the directory: the first admin.
    package var owner: UInt32 {
        var facts = flow_file_facts()
        return flow_facts_of_path(path, &facts) == 0 ? facts.owner : geteuid()
    }

    private static let elsewhere = "flowctl … --home DIR, or export FLOW_HOME=DIR"

    private static func text(_ code: CInt) -> String { String(cString: strerror(code)) }
}
