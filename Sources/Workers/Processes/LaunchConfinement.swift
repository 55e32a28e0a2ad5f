import CFlowShims
import Glibc

/// What a program that the engine starts for an author may not reach.
///
/// Hidden directories look empty to it: it gets mounts of its own (as root; else in a user namespace, in which `sudo` does not
/// work). An account of its own is stronger, and takes root.
package struct LaunchConfinement: Hashable, Sendable {
    package struct Account: Hashable, Sendable {
        package var user: UInt32
        package var group: UInt32
        package var name: String
        /// Its home directory.
        package var home: String

        package init(user: UInt32, group: UInt32, name: String, home: String) {
            self.user = user
            self.group = group
            self.name = name
            self.home = home
        }
    }

    package var hidden: [String]
    /// A directory right below a hidden one that stays: what the program works in.
    package var kept: String?
    package var account: Account?

    package init(hidden: [String] = [], kept: String? = nil, account: Account? = nil) {
        self.hidden = hidden
        self.kept = kept
        self.account = account
    }

    package static let none = LaunchConfinement()

    /// Whether programs may not start without it: somebody asked for it.
    package var isRequired: Bool { account != nil }

    /// Whether a kernel that says this has no mounts of one's own to give, or not to us. Anything else passes.
    static func isUnavailable(_ code: CInt) -> Bool {
        if [EPERM, EACCES, ENOSYS, EINVAL, ENODEV, EOPNOTSUPP].contains(code) { return true }
        // Where none are allowed it says that there is no more room.
        return code == ENOSPC && ["user", "mnt"].contains { (try? SmallFile.line("/proc/sys/user/max_\($0)_namespaces")) == "0" }
    }

    /// Why this machine cannot do it now, for the start and for `doctor`; nil when it can. Starts a program to find out; nothing else
    /// depends on what it finds.
    package func fault() async -> String? {
        guard self != .none else { return nil }
        do {
            let child = try await ChildProcess.start(
                Launch(program: .path("/bin/true"), arguments: ["true"], confinement: self))
            let end = await child.end()
            return end == .exited(0) ? nil : "a confined program did not start: \(end)"
        } catch {
            return "\(error)"
        }
    }

    /// What a confined program finds of this process's environment: of another account's nothing but the path.
    func environment() -> [String: String] {
        var environment = LocalTransport.inherited
        guard let account else { return environment }
        for name in ["TMPDIR", "XDG_RUNTIME_DIR"] { environment[name] = nil }
        for name in ["USER", "LOGNAME"] { environment[name] = account.name }
        environment["HOME"] = account.home
        return environment
    }

    /// Whether a file, by its real path, is out of reach.
    func hides(_ path: String) -> Bool {
        func holds(_ folder: String) -> Bool { path == folder || path.hasPrefix(folder.hasSuffix("/") ? folder : folder + "/") }
        return hidden.contains(where: holds) && !(kept.map(holds) ?? false)
    }
}
