import FlowCrypto
import FlowModel
import FlowThreads
import Glibc

/// What host records are to commands, for what this machine does itself: that an attempt was started, and how it ended, on disk before anybody is told.
///
/// The directory has an id of its own; with the machine's boot id it is the place of these attempts. Files are named after step, attempt and kind.
struct AttemptRecords: Sendable {
    let folder: String

    enum State: Sendable {
        case absent
        /// With what was written down of the start.
        case started([UInt8])
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

    func recordStart(_ id: AttemptID, _ content: @escaping @Sendable () throws -> [UInt8]) async throws {
        let path = path(id, "started")
        try await BlockingThreads.files.call { try SmallFile.write(path, try content()) }
    }

    func recordEnd(_ id: AttemptID, _ result: AttemptResult) async throws {
        let path = path(id, "ended")
        try await BlockingThreads.files.call { try SmallFile.write(path, AttemptRecords.encode(result).canonicalBytes) }
    }

    func state(_ id: AttemptID) async throws -> State {
        let (started, ended) = (path(id, "started"), path(id, "ended"))
        return try await BlockingThreads.files.call {
            if let bytes = try SmallFile.read(ended) { return .ended(try AttemptRecords.decode(try JSON.parse(bytes))) }
            return try SmallFile.read(started).map { .started($0) } ?? .absent
        }
    }

    /// The newest attempt of the step that was started and not removed; 0 when there is none.
    func newest(of id: AttemptID) async throws -> Int {
        let (folder, name) = (folder, name(of: id))
        return try await BlockingThreads.files.call {
            var newest = 0
            for file in try FolderNames.of(folder) {
                let parts = file.split(separator: ".")
                guard parts.count == 3, parts[0] == name, ["started", "ended"].contains(parts[2]), let number = Int(parts[1]) else { continue }
                newest = max(newest, number)
            }
            return newest
        }
    }

    /// Why nothing may be started, if a later attempt of the step has run than the journal knows of.
    func unknownPast(of order: AttemptOrder) async throws -> String? {
        guard let lastSent = order.lastSent else { return nil }
        let newest = try await newest(of: order.id)
        guard newest > lastSent else { return nil }
        return "attempt \(newest) of it has run, of which the journal knows nothing: the database came out of a backup"
    }

    /// Removes what is known of the attempt, the start last.
    /// - Parameter kinds: of files beside these.
    func remove(_ id: AttemptID, _ kinds: [String] = []) async throws {
        let paths = (kinds + ["ended", "started"]).map { path(id, $0) }
        try await BlockingThreads.files.call {
            for path in paths where unlink(path) != 0 && errno != ENOENT { throw CallError("\(path) could not be removed") }
        }
    }

    func path(_ id: AttemptID, _ kind: String) -> String { "\(folder)/\(name(of: id)).\(id.number).\(kind)" }

    private func name(of id: AttemptID) -> String { Digest(of: "\(id.run)/\(id.step)".utf8).hex }

    // MARK: - Form

    private static func encode(_ result: AttemptResult) -> JSON {
        var members: [String: JSON] = ["outputBytes": .int(result.outputBytes), "truncated": .bool(result.truncated)]
        if let line = result.lastLine { members["lastLine"] = .string(line) }
        switch result.outcome {
        case .succeeded(let output, let changed):
            members["output"] = output
            if let changed { members["changed"] = .bool(changed) }
        case .failed(let failure):
            members["cause"] = .string(failure.cause.rawValue)
            members["message"] = .string(failure.message)
            if let seconds = failure.retryAfterSeconds { members["retryAfter"] = .double(seconds) }
        case .timedOut: members["timedOut"] = true
        case .cancelled: members["cancelled"] = true
        case .lost(let reason): members["lost"] = .string(reason)
        }
        return .object(members)
    }

    private static func decode(_ value: JSON) throws -> AttemptResult {
        let outcome: AttemptResult.Outcome
        if let output = value["output"] {
            outcome = .succeeded(output: output, changed: value["changed"]?.boolValue)
        } else if let cause = value["cause"]?.stringValue.flatMap(AttemptResult.Failure.Cause.init) {
            let pause = value["retryAfter"]?.doubleValue.flatMap { $0.isFinite && $0 > 0 ? $0 : nil }
            outcome = .failed(.init(cause, value["message"]?.stringValue ?? "", retryAfterSeconds: pause))
        } else if value["timedOut"] != nil {
            outcome = .timedOut
        } else if value["cancelled"] != nil {
            outcome = .cancelled
        } else if let reason = value["lost"]?.stringValue {
            outcome = .lost(reason)
        } else {
            throw CallError("the record of an attempt is of another form", EBADMSG)
        }
        return AttemptResult(
            outcome: outcome, outputBytes: min(max(0, value["outputBytes"]?.intValue ?? 0), 1 << 60),
            truncated: value["truncated"]?.boolValue ?? false, lastLine: value["lastLine"]?.stringValue)
    }
}
