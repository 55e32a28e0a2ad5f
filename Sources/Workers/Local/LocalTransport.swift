import Glibc

/// Runs commands on this machine, by `/bin/sh`, in sessions of their own.
///
/// The command gets a clean environment: where programs and homes are, nothing of the engine's.
package struct LocalTransport: Transport {
    private let environment: [String: String]
    private let confinement: TriedConfinement
    private let spool: LocalSpool?

    /// `environment` is added to what every command gets; `spool` is there when one starts.
    package init(
        environment: [String: String] = [:], confinement: TriedConfinement = TriedConfinement(.none), spool: LocalSpool? = nil
    ) {
        self.confinement = confinement
        self.spool = spool
        self.environment = LocalTransport.inherited.merging(environment) { _, given in given }
    }

    package func open(_ command: String) async throws -> any TransportChannel {
        do {
            if let spool {
                let code = await BlockingThreads.files.call { spool.make() }
                guard code == 0 else { throw CallError("the spool \(spool.path) could not be made", code) }
            }
            return try await LocalChannel.open(command, environment: environment, confinement: await confinement.usable())
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
