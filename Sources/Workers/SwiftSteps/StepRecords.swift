import FlowCrypto
import FlowModel
import FlowThreads
import Glibc

/// What host records are to commands, for Swift steps: that one was started, and how it ended, on disk before anybody is told.
///
/// Each attempt has up to three files: `started` names the process that it was given to, `record` is what that process says of it, and
/// `ended` is written for an end that the process could not say itself. The directory has an id of its own; with the machine's boot id
/// it is the place of the steps.
struct StepRecords: Sendable {
    private let folder: String

    init(folder: String) { self.folder = folder }

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

    /// Makes the directory and its id when there are none.
    func place() async throws -> Place {
        let folder = folder
        return try await BlockingThreads.files.call {
            mkdir(folder, 0o700)
            let path = "\(folder)/id"
            if try SmallFile.read(path) == nil { try SmallFile.createOnce(path, try SmallFile.line("/proc/sys/kernel/random/uuid") + "\n") }
            return Place(bootID: try SmallFile.line("/proc/sys/kernel/random/boot_id"), spoolID: try SmallFile.line(path))
        }
    }

    func recordStart(_ id: AttemptID, in process: pid_t) async throws {
        let path = path(id, "started")
        try await BlockingThreads.files.call {
            let started = Started(
                bootID: try SmallFile.line("/proc/sys/kernel/random/boot_id"), pid: process,
                birth: StepRecords.birth(of: process) ?? 0, at: try StepRecords.uptime(), hasKeeper: true)
            try SmallFile.write(path, try JSON(encoding: started).canonicalBytes)
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

    func recordPath(_ id: AttemptID) -> String { path(id, "record") }

    /// Asks a process that has no other ear any more to cancel the step.
    func askCancel(_ id: AttemptID) async throws {
        let path = recordPath(id)
        try await BlockingThreads.files.call {
            guard chmod(path, 0o700) == 0 else { throw CallError("\(path) could not be marked") }
        }
    }

    func recordEnd(_ id: AttemptID, _ result: AttemptResult) async throws {
        let path = path(id, "ended")
        try await BlockingThreads.files.call { try SmallFile.write(path, StepRecords.encode(result).canonicalBytes) }
    }

    func state(_ id: AttemptID) async throws -> State {
        let (started, ended) = (path(id, "started"), path(id, "ended"))
        return try await BlockingThreads.files.call {
            if let bytes = try SmallFile.read(ended) { return .ended(try StepRecords.decode(try JSON.parse(bytes))) }
            guard let bytes = try SmallFile.read(started) else { return .absent }
            let found = try JSON.parse(bytes).decode(as: Started.self)
            // A signal to a number below these goes to many processes, and no machine has been up for so long.
            guard found.pid > 1, (0...1e10).contains(found.at) else { throw CallError("\(started) is damaged", EBADMSG) }
            return .started(found)
        }
    }

    /// The newest attempt of the step that was started and not removed; 0 when there is none.
    func newest(of id: AttemptID) async throws -> Int {
        let (folder, name) = (folder, name(of: id))
        return try await BlockingThreads.files.call {
            guard let directory = opendir(folder) else { throw CallError("\(folder) could not be read") }
            defer { closedir(directory) }
            var newest = 0
            while let entry = readdir(directory) {
                let file = withUnsafePointer(to: &entry.pointee.d_name) {
                    $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
                }
                let parts = file.split(separator: ".")
                guard parts.count == 3, parts[0] == name, parts[2] != "record", let number = Int(parts[1]) else { continue }
                newest = max(newest, number)
            }
            return newest
        }
    }

    /// Removes what is known of the attempt.
    func remove(_ id: AttemptID) async throws {
        let paths = ["record", "ended", "started"].map { path(id, $0) }
        try await BlockingThreads.files.call {
            for path in paths where unlink(path) != 0 && errno != ENOENT { throw CallError("\(path) could not be removed") }
        }
    }

    private func path(_ id: AttemptID, _ kind: String) -> String {
        "\(folder)/\(name(of: id)).\(id.number).\(kind)"
    }

    private func name(of id: AttemptID) -> String { Digest(of: "\(id.run)/\(id.step)".utf8).hex }

    // MARK: - Processes

    static func uptime() throws -> Double { try SmallFile.line("/proc/uptime").split(separator: " ").first.flatMap { Double($0) } ?? 0 }

    /// Field 22 of its `stat`; the name before it may hold anything, up to the last parenthesis.
    static func birth(of process: pid_t) -> UInt64? {
        guard let line = try? SmallFile.line("/proc/\(process)/stat"), let end = line.lastIndex(of: ")") else { return nil }
        let fields = line[line.index(after: end)...].split(separator: " ")
        return fields.count > 19 ? UInt64(fields[19]) : nil
    }

    // MARK: - Form

    private static func encode(_ result: AttemptResult) -> JSON {
        var members: [String: JSON] = ["outputBytes": .int(result.outputBytes), "truncated": .bool(result.truncated)]
        if let line = result.lastLine { members["lastLine"] = .string(line) }
        switch result.outcome {
        case .succeeded(let output, _): members["output"] = output
        case .failed(let failure):
            members["cause"] = .string(failure.cause.rawValue)
            members["message"] = .string(failure.message)
        case .timedOut: members["timedOut"] = true
        case .cancelled: members["cancelled"] = true
        case .lost(let reason): members["lost"] = .string(reason)
        }
        return .object(members)
    }

    private static func decode(_ value: JSON) throws -> AttemptResult {
        let outcome: AttemptResult.Outcome
        if let output = value["output"] {
            outcome = .succeeded(output: output, changed: nil)
        } else if let cause = value["cause"]?.stringValue.flatMap(AttemptResult.Failure.Cause.init) {
            outcome = .failed(.init(cause, value["message"]?.stringValue ?? ""))
        } else if value["timedOut"] != nil {
            outcome = .timedOut
        } else if value["cancelled"] != nil {
            outcome = .cancelled
        } else if let reason = value["lost"]?.stringValue {
            outcome = .lost(reason)
        } else {
            throw CallError("the record of a Swift step is of another form", EBADMSG)
        }
        return AttemptResult(
            outcome: outcome, outputBytes: min(max(0, value["outputBytes"]?.intValue ?? 0), 1 << 60),
            truncated: value["truncated"]?.boolValue ?? false, lastLine: value["lastLine"]?.stringValue)
    }
}
