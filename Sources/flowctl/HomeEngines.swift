import CFlowShims
import FlowCommand
import FlowLoading
import FlowModel
import FlowServer
import Glibc
import NIOPosix

/// Engines for homes: in this process, in one of its own, or in the foreground.
struct HomeEngines: EngineStarter {
    /// Seconds without work and clients after which an engine that was left behind ends.
    private static let idleSeconds = 5.0
    private static let startSeconds = 20.0

    func open(home: String, inventory: String?, forWork: Bool) async throws(FlowError) -> any OpenEngine {
        OpenServer(server: try await FlowServer.open(FlowServer.Options(home: home, inventory: inventory, isForWork: forWork)))
    }

    func repair(home: String, forgettingSecrets: Bool) async throws(FlowError) -> RepairReport {
        let report = try await FlowServer.repair(home: home, forgettingSecrets: forgettingSecrets)
        return RepairReport(kept: report.kept, lost: report.lost, copy: report.copy)
    }

    func serve(_ options: ServeOptions) async throws(FlowError) {
        try await FlowServer.serve(
            FlowServer.Options(
                home: options.home, inventory: options.inventory, idleSeconds: options.idleSeconds,
                logger: FlowServer.standardLogger(home: options.home)))
    }

    /// Starts this program again as `flowctl server`, in a session of its own, so that neither Ctrl-C nor the end of the terminal
    /// reaches it, and waits until it answers.
    func detach(home: String, inventory: String?) async throws(FlowError) {
        let log = "\(home)/flowd.log"
        let before = HomeEngines.size(of: log)
        let child = try await HomeEngines.spawn(home: home, inventory: inventory, log: log)
        defer { Glibc.close(child) }
        let deadline = wallClock() + Self.startSeconds
        while wallClock() < deadline {
            if HomeEngines.answers("\(home)/flow.sock") { return }
            if let status = HomeEngines.end(of: child) {
                // Perhaps because another engine was faster.
                if HomeEngines.answers("\(home)/flow.sock") { return }
                // Or because the one before was not quite gone: then it is to be tried again.
                if let owned = await HomeEngines.obstacle(home), owned.code == .owned { throw owned }
                throw await HomeEngines.endedAtOnce(home, status, HomeEngines.text(of: log, from: before))
            }
            do { try await Task.sleep(for: .milliseconds(20)) } catch { return }
        }
        throw FlowError(
            .unreachable, subject: home, "The engine of \(home) did not answer within \(Int(Self.startSeconds)) s.",
            hint: "tail \(log)")
    }

    // MARK: - A process of its own

    /// Starts it; gives the descriptor that tells its end.
    private static func spawn(home: String, inventory: String?, log: String) async throws(FlowError) -> Int32 {
        do {
            return try await NIOThreadPool.singleton.runIfActive { try spawnNow(home: home, inventory: inventory, log: log) }
        } catch {
            throw error as? FlowError ?? failure(home, "starting it", "\(error)")
        }
    }

    private static func spawnNow(home: String, inventory: String?, log: String) throws(FlowError) -> Int32 {
        // 0700, as the engine would make it.
        guard mkdir(home, 0o700) == 0 || errno == EEXIST else { throw failure(home, "making its directory", reason(errno)) }
        // It may be a link to /dev/null; a pipe that nobody reads is not waited for.
        let output = Glibc.open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NONBLOCK, 0o600)
        guard output >= 0 else { throw failure(home, "opening \(log)", reason(errno)) }
        defer { Glibc.close(output) }
        let words = ["flowctl", "server", "--home", home, "--idle", "\(idleSeconds)"] + (inventory.map { ["--inventory", $0] } ?? [])
        var arguments: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) } + [nil]
        defer { for argument in arguments { free(argument) } }
        var pid: pid_t = 0
        var end: Int32 = -1
        var stage = FLOW_SPAWN_PROCESS
        let code = "/proc/self/exe".withCString { path in
            [-1, output, output].withUnsafeBufferPointer { descriptors in
                arguments.withUnsafeMutableBufferPointer { arguments in
                    var child = flow_spawn()
                    child.program = -1
                    child.path = path
                    child.argv = UnsafePointer(arguments.baseAddress)
                    child.envp = UnsafePointer(environ)
                    child.descriptors = descriptors.baseAddress
                    child.descriptor_count = Int32(descriptors.count)
                    child.uid = -1
                    child.gid = -1
                    return flow_spawn(&child, &pid, &end, &stage)
                }
            }
        }
        guard code == 0 else { throw failure(home, String(cString: flow_spawn_stage_name(stage)), reason(code)) }
        return end
    }

    private static func reason(_ code: Int32) -> String { String(cString: strerror(code)) }

    private static func failure(_ home: String, _ doing: String, _ reason: String) -> FlowError {
        FlowError(.storage, subject: home, "No engine was started for \(home): \(doing) failed: \(reason).")
    }

    /// The exit status of a child that has ended; -1 for one that a signal ended.
    private static func end(of child: Int32) -> Int32? {
        var status: Int32 = 0
        var signalled: Int32 = 0
        guard flow_spawn_reap(child, &status, &signalled) != 0 else { return nil }
        return signalled == 0 ? status : -1
    }

    /// Whether somebody accepts connections on the socket.
    private static func answers(_ path: String) -> Bool {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let fits = withUnsafeMutableBytes(of: &address.sun_path) { room in
            guard path.utf8.count < room.count else { return false }
            room.copyBytes(from: path.utf8)
            return true
        }
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard fits, descriptor >= 0 else { return false }
        defer { close(descriptor) }
        return withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size)) == 0
            }
        }
    }

    private static func size(of log: String) -> Int {
        guard case .opened(let file, let bytes) = RegularFile.open(log) else { return 0 }
        Glibc.close(file)
        return bytes
    }

    /// Says what the engine said when it ended: its message, and its next command.
    private static func endedAtOnce(_ home: String, _ status: Int32, _ text: String) async -> FlowError {
        let lines = WrittenText.lines(of: text).filter { !$0.isEmpty }.map(String.init)
        guard let first = lines.firstIndex(where: { $0.hasPrefix("flowctl: ") }) else {
            // On a full disk it cannot even say so: what ended it ends this one, too.
            return await obstacle(home)
                ?? FlowError(
                    .unreachable, subject: home,
                    "No engine is left running for \(home): it ended at once. \(lines.suffix(3).joined(separator: " "))",
                    hint: "flowctl doctor")
        }
        let next = lines.last { $0.hasPrefix("Next: ") }.map { String($0.dropFirst("Next: ".count)) }
        let said = lines[first...].filter { !$0.hasPrefix("Next: ") }.joined(separator: "\n").dropFirst("flowctl: ".count)
        return FlowError(
            status == CommandExit.usage.rawValue ? .usage : .unreachable, subject: home,
            "No engine is left running for \(home): it ended at once. \(said)",
            hint: next ?? "flowctl doctor")
    }

    /// Why no engine can be opened on the home now; nil when one can.
    private static func obstacle(_ home: String) async -> FlowError? {
        do throws(FlowError) {
            try await FlowServer.open(FlowServer.Options(home: home, isForWork: false)).close()
            return nil
        } catch {
            return error
        }
    }

    /// What was written to the log since it had `start` bytes.
    private static func text(of log: String, from start: Int) -> String {
        guard case .opened(let file, _) = RegularFile.open(log) else { return "" }
        defer { Glibc.close(file) }
        var bytes = [UInt8](repeating: 0, count: 4_096)
        let count = pread(file, &bytes, bytes.count, off_t(start))
        return String(decoding: bytes.prefix(max(0, count)), as: UTF8.self)
    }
}

/// An engine in this process.
private struct OpenServer: OpenEngine {
    let server: FlowServer

    func close() async throws(FlowError) { try await server.close() }
}
