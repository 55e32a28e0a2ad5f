import FlowThreads
import Glibc

/// Runs commands on this machine, by `/bin/sh`, in sessions of their own.
///
/// The command gets a clean environment: where programs and homes are, nothing of the engine's.
package struct LocalTransport: Transport {
    private let environment: [String: String]
    private let start: ConfinedStart
    private let spool: LocalSpool?
    private let patience: Double
    private let extent: Launch.Extent

    /// - Parameters:
    ///   - environment: added to what every command gets.
    ///   - spool: is there when a command starts.
    ///   - extent: what ends with a command.
    ///   - patience: seconds that a command waits for a machine that has nothing left to start it with.
    package init(
        environment: [String: String] = [:], start: ConfinedStart = ConfinedStart(.none), spool: LocalSpool? = nil,
        extent: Launch.Extent = .alone, patience: Double = WorkerLimits.shortageSeconds
    ) {
        self.start = start
        self.spool = spool
        self.extent = extent
        self.patience = patience
        self.environment = start.wanted.environment().merging(environment) { _, given in given }
    }

    package func open(_ command: String) async throws -> any TransportChannel {
        do {
            if let spool {
                let code = await BlockingThreads.files.call { spool.make() }
                guard code == 0 else { throw CallError("the spool \(spool.path) could not be made", code) }
            }
            return try await Shortage.waited(seconds: patience) {
                try await LocalChannel.open(command, environment: environment, start: start, extent: extent)
            }
        } catch let error as CallError {
            throw TransportError(.exec, "\(error)")
        }
    }

    /// What a program needs of this process's environment, with what it has where there is none.
    static let inherited: [String: String] = {
        var environment = ["PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8"]
        for name in ["PATH", "HOME", "USER", "LOGNAME", "TMPDIR", "XDG_RUNTIME_DIR", "FLOW_SPOOL"] {
            if let value = getenv(name), value.pointee != 0 { environment[name] = String(cString: value) }
        }
        if let account = getpwuid(geteuid())?.pointee {
            environment["HOME"] = environment["HOME"] ?? String(cString: account.pw_dir)
            environment["USER"] = environment["USER"] ?? String(cString: account.pw_name)
        }
        return environment
    }()
}
