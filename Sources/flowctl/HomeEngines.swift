import FlowCommand
import FlowModel
import FlowServer
import Glibc
import Logging
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
        let logger = Logger(label: "flow") { _ in LineLogHandler(level: .info, now: wallClock) }
        try await FlowServer.serve(
            FlowServer.Options(
                home: options.home, inventory: options.inventory, idleSeconds: options.idleSeconds, logger: logger))
    }

    /// Starts this program again as `flowctl server`, in a session of its own, so that neither Ctrl-C nor the end of the terminal
    /// reaches it, and waits until it answers.
    func detach(home: String) async throws(FlowError) {
        let log = "\(home)/flowd.log"
        let child = try await HomeEngines.spawn(home: home, log: log)
        let deadline = wallClock() + Self.startSeconds
        while wallClock() < deadline {
            if HomeEngines.answers("\(home)/flow.sock") { return }
            if HomeEngines.hasEnded(child) {
                // Perhaps because another engine was faster.
                if HomeEngines.answers("\(home)/flow.sock") { return }
                throw FlowError(
                    .unreachable, subject: home, "No engine was left running for \(home): it ended at once. \(HomeEngines.lastLines(of: log))",
                    hint: "flowctl doctor")
            }
            do { try await Task.sleep(for: .milliseconds(20)) } catch { return }
        }
        throw FlowError(
            .unreachable, subject: home, "The engine of \(home) did not answer within \(Int(Self.startSeconds)) s.", hint: "tail \(log)")
    }

    // MARK: - A process of its own

    private static func spawn(home: String, log: String) async throws(FlowError) -> pid_t {
        let arguments = ["flowctl", "server", "--home", home, "--idle", "\(idleSeconds)"]
        // 0700, as the engine would make it.
        guard mkdir(home, 0o700) == 0 || errno == EEXIST else { throw failure(home, errno) }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, log, O_WRONLY | O_CREAT | O_APPEND, 0o600)
        posix_spawn_file_actions_adddup2(&actions, STDOUT_FILENO, STDERR_FILENO)
        // Whatever else is open here is nothing of its: a pipe that it kept would never end for its reader.
        posix_spawn_file_actions_addclosefrom_np(&actions, STDERR_FILENO + 1)
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var none = sigset_t()
        sigemptyset(&none)
        var all = sigset_t()
        sigfillset(&all)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setsigdefault(&attributes, &all)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF) | newSession)
        var child = pid_t()
        var words = arguments.map { strdup($0) } + [nil]
        defer { for word in words { free(word) } }
        let code = posix_spawn(&child, "/proc/self/exe", &actions, &attributes, &words, environ)
        guard code == 0 else { throw failure(home, code) }
        return child
    }

    /// `POSIX_SPAWN_SETSID` of glibc, which it shows to GNU sources only.
    private static let newSession: Int16 = 0x80

    private static func failure(_ home: String, _ code: Int32) -> FlowError {
        FlowError(.storage, subject: home, "No engine was started for \(home): \(String(cString: strerror(code))).")
    }

    private static func hasEnded(_ child: pid_t) -> Bool {
        var status: Int32 = 0
        return waitpid(child, &status, WNOHANG) == child
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

    /// The end of the log, where it says why it ended.
    private static func lastLines(of log: String) -> String {
        guard let file = fopen(log, "re") else { return "" }
        defer { fclose(file) }
        fseek(file, 0, SEEK_END)
        fseek(file, max(0, ftell(file) - 1_024), SEEK_SET)
        var bytes = [UInt8](repeating: 0, count: 1_024)
        let count = fread(&bytes, 1, bytes.count, file)
        let lines = String(decoding: bytes[..<count], as: UTF8.self).split(separator: "\n")
        return lines.suffix(3).joined(separator: " ")
    }
}

/// An engine in this process.
private struct OpenServer: OpenEngine {
    let server: FlowServer

    func close() async throws(FlowError) { try await server.close() }
}
