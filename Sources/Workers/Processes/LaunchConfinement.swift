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
    package var account: Account?

    package init(hidden: [String] = [], account: Account? = nil) {
        self.hidden = hidden
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
}
