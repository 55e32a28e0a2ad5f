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

        package init(user: UInt32, group: UInt32) {
            self.user = user
            self.group = group
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

    /// Why this machine cannot do it, for the start and for `doctor`; nil when it can. Starts a program to find out.
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

    /// Whether a file, by its real path, is out of reach.
    func hides(_ path: String) -> Bool {
        func holds(_ folder: String) -> Bool { path == folder || path.hasPrefix(folder.hasSuffix("/") ? folder : folder + "/") }
        return hidden.contains(where: holds) && !(kept.map(holds) ?? false)
    }
}

/// A confinement that is tried when it is first needed: where the machine cannot do it, programs start without, and it is said.
package actor TriedConfinement {
    private let wanted: LaunchConfinement
    private var tried: String??

    package init(_ wanted: LaunchConfinement) { self.wanted = wanted }

    /// Why it cannot be had here; nil when it can.
    package func fault() async -> String? {
        if let tried { return tried }
        // Two who ask first both try; they find the same.
        let found = await wanted.fault()
        tried = .some(found)
        return found
    }

    /// What programs are started with.
    package func usable() async -> LaunchConfinement { await fault() == nil ? wanted : .none }
}
