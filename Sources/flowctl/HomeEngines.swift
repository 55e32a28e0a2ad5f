import CFlowShims
import FlowCommand
import FlowModel
import FlowServer
import Glibc
import NIOPosix

/// Engines for homes: in this process, in one of its own, or in the foreground.
struct HomeEngines: EngineStarter {
    /// Seconds without work and clients after which an engine that was left behind ends.
    private static let idleSeconds = 5.0
    private static let startSeconds = 20.0

    func open(home: String) async throws(FlowError) -> any OpenEngine {
        OpenServer(server: try await FlowServer.open(FlowServer.Options(home: home)))
    }

    func serve(_ options: ServeOptions) async throws(FlowError) {
        try await FlowServer.serve(
            FlowServer.Options(
                home: options.home, inventory: options.inventory, idleSeconds: options.idleSeconds,
                logger: FlowServer.standardLogger(home: options.home)))
    }

    /// Starts this program again as `flowctl server`, in a session of its own, so that neither Ctrl-C nor the end of the terminal
    /// reaches it, and waits until it answers.
    func detach(home: String) async throws(FlowError) {
        let log = "\(home)/flowd.log"
        let before = HomeEngines.size(of: log)
        let child = try await HomeEngines.spawn(home: home, log: log)
        defer { Glibc.close(child) }
        let deadline = wallClock() + Self.startSeconds
        while wallClock() < deadline {
            if HomeEngines.answers("\(home)/flow.sock") { return }
            if HomeEngines.hasEnded(child) {
                // Perhaps because another engine was faster.
                if HomeEngines.answers("\(home)/flow.sock") { return }
                throw HomeEngines.endedAtOnce(home, log, from: before)
            }
            do { try await Task.sleep(for: .milliseconds(20)) } catch { return }
        }
        throw FlowError(
            .unreachable, subject: home, "The engine of \(home) did not answer within \(Int(Self.startSeconds)) s.",
            hint: "tail \(log)")
    }

    // MARK: - A process of its own

    /// Starts it; gives the descriptor that tells its end.
    private static func spawn(home: String, log: String) async throws(FlowError) -> Int32 {
        do {
            return try await NIOThreadPool.singleton.runIfActive { try spawnNow(home: home, log: log) }
        } catch {
            throw error as? FlowError ?? failure(home, "starting it", "\(error)")
        }
    }

    private static func spawnNow(home: String, log: String) throws(FlowError) -> Int32 {
        // 0700, as the engine would make it.
        guard mkdir(home, 0o700) == 0 || errno == EEXIST else { throw failure(home, "making its directory", reason(errno)) }
        let output = Glibc.open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
        guard output >= 0 else { throw failure(home, "opening \(log)", reason(errno)) }
        defer { Glibc.close(output) }
        let words = ["flowctl", "server", "--home", home, "--idle", "\(idleSeconds)"]
        var arguments: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) } + [nil]
        defer { for argument in arguments { free(argument) } }
        var pid: pid_t = 0
        var end: Int32 = -1
        var stage: UnsafePointer<CChar>?
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
        guard code == 0 else { throw failure(home, stage.map { String(cString: $0) } ?? "starting it", reason(code)) }
        return end
    }

    private static func reason(_ code: Int32) -> String { String(cString: strerror(code)) }

    private static func failure(_ home: String, _ doing: String, _ reason: String) -> FlowError {
        FlowError(.storage, subject: home, "No engine was started for \(home): \(doing) failed: \(reason).")
    }

    private static func hasEnded(_ child: Int32) -> Bool {
        var status: Int32 = 0
        var signalled: Int32 = 0
        return flow_spawn_reap(child, &status, &signalled) != 0
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
        guard let file = fopen(log, "re") else { return 0 }
        defer { fclose(file) }
        fseek(file, 0, SEEK_END)
        return max(0, ftell(file))
    }

    /// Says what the engine said when it ended: its message, and its next command.
    private static func endedAtOnce(_ home: String, _ log: String, from start: Int) -> FlowError {
        let lines = text(of: log, from: start).split(separator: "\n").map(String.init)
        let next = lines.last { $0.hasPrefix("Next: ") }.map { String($0.dropFirst("Next: ".count)) }
        let said = lines.firstIndex { $0.hasPrefix("flowctl: ") }.map { lines[$0...].filter { !$0.hasPrefix("Next: ") } }
        let reason = (said ?? lines.suffix(3)).joined(separator: "\n")
        let message = reason.hasPrefix("flowctl: ") ? String(reason.dropFirst("flowctl: ".count)) : reason
        return FlowError(
            .unreachable, subject: home,
            "No engine is left running for \(home): it ended at once. \(message.isEmpty ? "It said nothing." : message)",
            hint: next ?? "flowctl doctor")
    }

    /// What was written to the log since it had `start` bytes.
    private static func text(of log: String, from start: Int) -> String {
        guard let file = fopen(log, "re") else { return "" }
        defer { fclose(file) }
        fseek(file, start, SEEK_SET)
        var bytes = [UInt8](repeating: 0, count: 4_096)
        let count = fread(&bytes, 1, bytes.count, file)
        return String(decoding: bytes[..<count], as: UTF8.self)
    }
}

/// An engine in this process.
private struct OpenServer: OpenEngine {
    let server: FlowServer

    func close() async throws(FlowError) { try await server.close() }
}
