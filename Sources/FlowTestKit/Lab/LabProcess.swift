internal import FoundationEssentials
import Glibc
internal import Workers

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

    /// Nothing of ours stays open in it: a daemon that kept somebody's pipe would hold up whoever waits for its end.
    private static func spawn(_ program: String, _ arguments: [String], log: String) throws -> pid_t {
        let file = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
        guard file >= 0 else { throw LabError("cannot write '\(log)': \(String(cString: strerror(errno)))") }
        defer { close(file) }
        do {
            let (id, pidfd) = try Launch(
                program: .path(program), arguments: [program] + arguments, environment: ["PATH": "/usr/sbin:/usr/bin:/sbin:/bin"],
                descriptors: [-1, file, file]
            ).start()
            close(pidfd)
            return id
        } catch {
            throw LabError("cannot start \(program): \(error)")
        }
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
        let deadline = ContinuousClock.now + .seconds(LabLimits.endSeconds)
        for process in [self] + children {
            while process.isAlive, ContinuousClock.now < deadline { usleep(1000) }
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
