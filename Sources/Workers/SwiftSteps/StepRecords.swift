import FlowModel
import FlowThreads
import Glibc

/// The records of Swift steps: beside those of every attempt, what the process of a step says of it itself (`record`).
///
/// `started` names the process that it was given to; `ended` is written for an end that the process could not say itself.
struct StepRecords: Sendable {
    private let files: AttemptRecords

    init(folder: String) { files = AttemptRecords(folder: folder) }

    /// The process that a step was given to.
    struct Started: Hashable, Sendable, Codable {
        var bootID: String
        /// That of its keeper, where it has one.
        var pid: Int32
        /// When it began, in ticks since boot: the number may be another's later.
        var birth: UInt64
        /// Seconds since boot.
        var at: Double
        /// Whether it has a keeper, which ends it with everything that it started. Engines of 0.1.0 gave it none.
        var hasKeeper: Bool?
    }

    enum State: Sendable {
        case absent
        case started(Started)
        case ended(AttemptResult)
    }

    func place() async throws -> Place { try await files.place() }

    func recordStart(_ id: AttemptID, in process: pid_t) async throws {
        try await files.recordStart(id) {
            let started = Started(
                bootID: try SmallFile.line("/proc/sys/kernel/random/boot_id"), pid: process,
                birth: StepRecords.birth(of: process) ?? 0, at: try StepRecords.uptime(), hasKeeper: true)
            return try JSON(encoding: started).canonicalBytes
        }
    }

    /// Makes the file that the process of the step will write.
    func makeRecord(_ id: AttemptID) async throws -> OwnedDescriptor {
        let path = recordPath(id)
        return try await BlockingThreads.files.call {
            let file = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0o600)
            guard file >= 0 else { throw CallError("\(path) could not be written") }
            return OwnedDescriptor(file)
        }
    }

    /// Seconds since the process last wrote in the record of a step: since its end, where that is in it.
    func age(of id: AttemptID) async throws -> Double {
        let path = recordPath(id)
        return try await BlockingThreads.files.call {
            var (status, now) = (stat(), timespec())
            guard lstat(path, &status) == 0, clock_gettime(CLOCK_REALTIME, &now) == 0 else { throw CallError("\(path) could not be read") }
            func seconds(_ time: timespec) -> Double { Double(time.tv_sec) + Double(time.tv_nsec) / 1e9 }
            return max(0, seconds(now) - seconds(status.st_mtim))
        }
    }

    func recordPath(_ id: AttemptID) -> String { files.path(id, "record") }

    /// Asks a process that has no other ear any more to cancel the step.
    func askCancel(_ id: AttemptID) async throws {
        let path = recordPath(id)
        try await BlockingThreads.files.call {
            guard chmod(path, 0o700) == 0 else { throw CallError("\(path) could not be marked") }
        }
    }

    func recordEnd(_ id: AttemptID, _ result: AttemptResult) async throws { try await files.recordEnd(id, result) }

    func state(_ id: AttemptID) async throws -> State {
        switch try await files.state(id) {
        case .absent: return .absent
        case .ended(let result): return .ended(result)
        case .started(let bytes):
            let found = try JSON.parse(bytes).decode(as: Started.self)
            // A signal to a number below these goes to many processes, and no machine has been up for so long.
            guard found.pid > 1, (0...1e10).contains(found.at) else { throw CallError("\(files.path(id, "started")) is damaged", EBADMSG) }
            return .started(found)
        }
    }

    func unknownPast(of order: AttemptOrder) async throws -> String? { try await files.unknownPast(of: order) }

    /// Removes what is known of the attempt.
    func remove(_ id: AttemptID) async throws { try await files.remove(id, ["record"]) }

    // MARK: - Processes

    static func uptime() throws -> Double { try SmallFile.line("/proc/uptime").split(separator: " ").first.flatMap { Double($0) } ?? 0 }

    /// Field 22 of its `stat`; the name before it may hold anything, up to the last parenthesis.
    static func birth(of process: pid_t) -> UInt64? {
        guard let line = try? SmallFile.line("/proc/\(process)/stat"), let end = line.lastIndex(of: ")") else { return nil }
        let fields = line[line.index(after: end)...].split(separator: " ")
        return fields.count > 19 ? UInt64(fields[19]) : nil
    }
}
