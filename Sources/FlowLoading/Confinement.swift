internal import CFlowShims
internal import FlowModel

/// What a flow file may do while it is evaluated: compute, and read the libraries that it is linked with.
package struct Confinement: Sendable {
    /// Paths that can be read and executed; no other.
    var readable: [String]
    var memoryBytes = UInt64(Limits.evaluateMemoryBytes)
    var fileBytes = UInt64(Limits.evaluateFileBytes)

    /// What of it the kernel offers, for `doctor`.
    package struct Level: Hashable, Sendable, Codable {
        /// The version of Landlock; 0 means that a flow file can read what this user can.
        package var landlock: Int
        /// Whether all system calls but those that evaluating takes can be refused; without it no flow file is loaded.
        package var seccomp: Bool

        package init(landlock: Int, seccomp: Bool) {
            self.landlock = landlock
            self.seccomp = seccomp
        }

        package var isComplete: Bool { landlock > 0 && seccomp }

        /// What is missing, one sentence each.
        package var missing: [String] {
            var missing: [String] = []
            if landlock == 0 {
                missing.append("the kernel has no Landlock: a flow file can read what you can while it is loaded")
            }
            if !seccomp {
                missing.append("the kernel does not filter system calls, or not on this architecture: no flow file is loaded here")
            }
            return missing
        }
    }

    /// What the kernel offers here.
    package static func level() -> Level {
        Level(landlock: Int(flow_confine_landlock()), seccomp: flow_confine_seccomp() != 0)
    }

    /// What a refused system call was about; nil for a number that is not refused.
    static func meaning(ofCall number: Int) -> String? {
        flow_confine_describe(Int32(truncatingIfNeeded: number)).map { String(cString: $0) }
    }
}
