import CFlowShims
import Glibc

/// A program to start in a session of its own.
package struct Launch: Sendable {
    package enum Program: Sendable {
        case path(String)
        /// An open descriptor of it, which stays the caller's: it runs even where its path is hidden.
        case descriptor(CInt)
    }

    package var program: Program
    /// With the name it is called by.
    package var arguments: [String]
    package var environment: [String: String]
    /// nil: that of this process.
    package var folder: String?
    /// Become descriptors 0, 1 … of the child; -1 is /dev/null. They stay the caller's. It gets no others.
    package var descriptors: [CInt]
    package var confinement: LaunchConfinement
    package var extent: Extent

    /// What ends with the program.
    package enum Extent: Sendable {
        /// Itself: what it started goes on.
        case alone
        /// Everything that it started, in whatever session or group, when it is killed or ends by itself; what a program leaves that exits
        /// with status 0 goes on. The number and the end told are those of its keeper, which ends last, in the way that the program did.
        case whole
        /// The same, and all of it ends when this process does, however that comes.
        case wholeWithUs

        fileprivate var flag: flow_spawn_whole {
            switch self {
            case .alone: FLOW_SPAWN_ALONE
            case .whole: FLOW_SPAWN_WHOLE
            case .wholeWithUs: FLOW_SPAWN_WHOLE_WITH_US
            }
        }
    }

    package init(
        program: Program, arguments: [String], environment: [String: String] = [:], folder: String? = nil,
        descriptors: [CInt] = [-1, -1, -1], confinement: LaunchConfinement = .none, extent: Extent = .alone
    ) {
        self.program = program
        self.arguments = arguments
        self.environment = environment
        self.folder = folder
        self.descriptors = descriptors
        self.confinement = confinement
        self.extent = extent
    }

    /// Blocks until the program has begun. The number and the pidfd are the caller's.
    package func start() throws -> (pid: Int32, pidfd: Int32) {
        try CStrings.with(arguments) { argv in
            try CStrings.with(environment.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }) { envp in
                try CStrings.with(confinement.hidden) { hidden in
                    try start(argv, envp, hidden)
                }
            }
        }
    }

    private func start(_ argv: CStrings.Pointers, _ envp: CStrings.Pointers, _ hidden: CStrings.Pointers) throws -> (pid_t, CInt) {
        var (path, descriptor): (String, CInt) = ("", -1)
        switch program {
        case .path(let text): path = text
        case .descriptor(let number): descriptor = number
        }
        var (pid, pidfd): (pid_t, CInt) = (0, -1)
        var stage = FLOW_SPAWN_PROCESS
        let code = path.withCString { path in
            withOptionalCStrings(folder, confinement.kept) { folder, kept in
                descriptors.withUnsafeBufferPointer { descriptors in
                    hidden.withMemoryRebound(to: UnsafePointer<CChar>?.self, capacity: confinement.hidden.count + 1) { hidden in
                        var child = flow_spawn(
                            program: descriptor, path: path, argv: argv, envp: envp, folder: folder,
                            descriptors: descriptors.baseAddress, descriptor_count: CInt(descriptors.count),
                            uid: confinement.account.map { Int64($0.user) } ?? -1,
                            gid: confinement.account.map { Int64($0.group) } ?? -1,
                            hidden: confinement.hidden.isEmpty ? nil : UnsafePointer(hidden), kept: kept, whole: extent.flag)
                        return flow_spawn(&child, &pid, &pidfd, &stage)
                    }
                }
            }
        }
        guard code == 0 else {
            let failing = String(cString: flow_spawn_stage_name(stage))
            var error = CallError("'\(arguments.first ?? "the program")' was not started, \(failing) failed", code)
            error.isMissingConfinement = stage == FLOW_SPAWN_HIDING && LaunchConfinement.isUnavailable(code)
            throw error
        }
        return (pid, pidfd)
    }
}

/// Texts as C wants them: an array of pointers that ends with NULL.
private enum CStrings {
    typealias Pointers = UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>

    static func with<Value>(_ texts: [String], _ body: (Pointers) throws -> Value) rethrows -> Value {
        let pointers = Pointers.allocate(capacity: texts.count + 1)
        for (index, text) in texts.enumerated() { (pointers + index).initialize(to: strdup(text)) }
        (pointers + texts.count).initialize(to: nil)
        defer {
            for index in texts.indices { free(pointers[index]) }
            pointers.deallocate()
        }
        return try body(pointers)
    }
}

private func withOptionalCStrings<Value>(
    _ one: String?, _ other: String?, _ body: (UnsafePointer<CChar>?, UnsafePointer<CChar>?) -> Value
) -> Value {
    func with(_ text: String?, _ body: (UnsafePointer<CChar>?) -> Value) -> Value { text.map { $0.withCString(body) } ?? body(nil) }
    return with(one) { one in with(other) { body(one, $0) } }
}
