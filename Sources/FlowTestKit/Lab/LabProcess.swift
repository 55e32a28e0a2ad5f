internal import FoundationEssentials
import Glibc

/// A process that the lab started, by its id and the time it started, so that no other is ever taken for it.
struct LabProcess: Codable, Hashable, Sendable {
    var id: Int32
    var startTime: String

    /// Starts a program in a session of its own, with its output appended to a file. It goes on when this process ends.
    static func start(_ program: String, _ arguments: [String], log: String) throws -> LabProcess {
        let id = try spawn(program, arguments, log: log)
        guard let startTime = startTime(of: id) else { throw LabError("\(program) ended at once; see '\(log)'") }
        return LabProcess(id: id, startTime: startTime)
    }

    private static func spawn(_ program: String, _ arguments: [String], log: String) throws -> pid_t {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, 1, log, O_WRONLY | O_CREAT | O_APPEND, 0o600)
        posix_spawn_file_actions_adddup2(&actions, 1, 2)
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        // 0x80 is POSIX_SPAWN_SETSID, which Swift's Glibc leaves out.
        let flags = 0x80 | Int16(POSIX_SPAWN_SETSIGMASK) | Int16(POSIX_SPAWN_SETSIGDEF)
        posix_spawnattr_setflags(&attributes, flags)
        var none = sigset_t()
        sigemptyset(&none)
        posix_spawnattr_setsigmask(&attributes, &none)
        var all = sigset_t()
        sigfillset(&all)
        posix_spawnattr_setsigdefault(&attributes, &all)
        var words: [UnsafeMutablePointer<CChar>?] = ([program] + arguments).map { strdup($0) } + [nil]
        defer { for word in words { free(word) } }
        var environment: [UnsafeMutablePointer<CChar>?] = [strdup("PATH=/usr/sbin:/usr/bin:/sbin:/bin"), nil]
        defer { for word in environment { free(word) } }
        var id = pid_t()
        let code = posix_spawn(&id, program, &actions, &attributes, &words, &environment)
        guard code == 0 else { throw LabError("cannot start \(program): \(String(cString: strerror(code)))") }
        return id
    }

    /// Runs a program to its end.
    static func run(_ program: String, _ arguments: [String]) throws {
        let id = try spawn(program, arguments, log: "/dev/null")
        var status: Int32 = 0
        while waitpid(id, &status, 0) < 0 && errno == EINTR {}
        guard status == 0 else {
            throw LabError("\(program) \(arguments.joined(separator: " ")) ended with status \(status >> 8)")
        }
    }

    var isAlive: Bool { Self.startTime(of: id) == startTime }

    /// Its children that live.
    var children: [LabProcess] {
        // A process that is gone has none.
        let text = (try? String(contentsOfFile: "/proc/\(id)/task/\(id)/children", encoding: .utf8)) ?? ""
        return text.split(separator: " ").compactMap { word in
            guard let id = Int32(word), let startTime = Self.startTime(of: id) else { return nil }
            return LabProcess(id: id, startTime: startTime)
        }
    }

    /// Kills it, and with it the namespace that it made, and waits until both are gone.
    func end() {
        guard isAlive else { return }
        // The first process of a namespace is gone only when all others in it are.
        let children = children
        kill(id, SIGKILL)
        for process in [self] + children {
            while process.isAlive { usleep(1000) }
        }
        // Reaps it where it is a child of ours; who started it from another process has ended.
        waitpid(id, nil, WNOHANG)
    }

    /// Field 22 of `/proc/PID/stat`; nil when there is no such process, or only what is left of it.
    private static func startTime(of id: Int32) -> String? {
        guard let text = try? String(contentsOfFile: "/proc/\(id)/stat", encoding: .utf8), let end = text.lastIndex(of: ")")
        else {
            return nil
        }
        let fields = text[text.index(after: end)...].split(separator: " ")
        guard fields.count > 19, fields[0] != "Z", fields[0] != "X" else { return nil }
        return String(fields[19])
    }
}
