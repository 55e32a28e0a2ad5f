package import FlowModel

/// Brings a file of a host in, and keeps it with the run.
///
/// The script copies the file to its standard output, which the host keeps: so it is one state of the file that comes, however long that takes, and
/// it goes on after a lost connection, or under the next engine, where it stood. It is kept here before the attempt is said to have succeeded. Its
/// bytes are not masked: they are the file's.
package struct FetchExecutor: Executor {
    private let folder: String
    private let hosts: @Sendable (Host?) -> any HostRecording
    private let outputs: OutputStore
    private let artifacts: any ArtifactStore
    private let open: SecretOpener

    package init(_ parts: ExecutorParts) {
        folder = parts.home + "/fetches"
        (hosts, outputs, artifacts, open) = (parts.hosts, parts.outputs, parts.files.artifacts, parts.open)
    }

    /// The host has a record of it, too.
    package func forget(_ id: AttemptID) async throws -> Bool {
        try await IncomingFile.remove(id, in: folder)
        return false
    }

    package func carryOut(_ attempt: LiveAttempt, _ sealed: FetchWork) async -> AttemptReport.Event {
        do throws(AttemptResult.Failure) {
            let work = try SecretOpening(open, for: attempt).work(sealed)
            try FetchExecutor.check(work)
            await attempt.secrets.prepare()
            let file = try await incoming(attempt.id)
            let end = try await follow(attempt, work, file)
            // The next engine goes on with it.
            guard let end else { return .cancelled }
            // One that cannot be removed takes room, and no more: the outcome stands without it.
            try? await IncomingFile.remove(attempt.id, in: folder)
            return end
        } catch {
            return attempt.refused(error)
        }
    }

    private func incoming(_ id: AttemptID) async throws(AttemptResult.Failure) -> IncomingFile {
        do {
            return try await IncomingFile.open(id, in: folder)
        } catch {
            throw .init(.infrastructure, "nothing was fetched: \(error)")
        }
    }

    /// Nil: the engine goes away.
    private func follow(_ attempt: LiveAttempt, _ work: FetchWork, _ file: IncomingFile) async throws(AttemptResult.Failure) -> AttemptReport.Event? {
        let recorder = attempt.recorder(in: outputs)
        let room = RoomWait { attempt.outputWaits($0) }
        let sink = FetchSink(file: file, log: recorder, room: room)
        let job = try FetchScript(work).job(attempt.order)
        let outcome = await HostConversation(record: hosts(attempt.order.target), attempt: attempt, sink: sink).outcome(of: job)
        guard !outcome.isDetached else { return nil }
        var logged = outcome?.end
        logged?.stdoutBytes = 0
        let output = await recorder.finish(logged)
        if let report = attempt.report(of: outcome) { return report.with(output) }
        guard let end = outcome?.end, let logged else { return .cancelled }
        var result = ShellResult(end: logged, output: output, shape: FetchScript.shape, patterns: attempt.secrets.patterns).result
        if case .succeeded(let said, _) = result.outcome {
            do {
                guard let kept = try await keep(file, work, end, said["value"], room) else { return nil }
                result.outcome = kept
            } catch {
                // To read changes nothing: it is done once more.
                result.outcome = .lost("the file could not be kept: \(error)")
            }
        }
        return .ended(result)
    }

    /// Keeps the file if it is all that the host sent. Nil: the engine goes away.
    private func keep(
        _ file: IncomingFile, _ work: FetchWork, _ end: HostEnd, _ said: JSON?, _ room: RoomWait
    ) async throws -> AttemptResult.Outcome? {
        guard file.taken == end.stdoutBytes else {
            let reason = "its host kept \(file.taken) of \(end.stdoutBytes) bytes: its disk is full, or somebody took them away"
            return .failed(.init(.infrastructure, "nothing was fetched: \(reason)"))
        }
        guard file.taken <= work.maxBytes else {
            return .failed(.init(.exitStatus, "nothing was fetched: \(work.path) grew beyond \(work.maxBytes) bytes while it was read"))
        }
        let digest = try await file.digest()
        guard digest.hex == said?["sha256"]?.stringValue else { return .lost("other bytes arrived than were read from the file") }
        do {
            try await room { try await artifacts.keep(file.path, as: digest) }
        } catch is CancellationError {
            return nil
        }
        return .succeeded(output: Artifact(name: work.name, digest: digest, bytes: file.taken).output, changed: false)
    }

    private static func check(_ work: FetchWork) throws(AttemptResult.Failure) {
        guard work.path.hasPrefix("/"), !work.path.hasSuffix("/"), !work.path.utf8.contains(where: { $0 == 0 || $0 == 0x0A }) else {
            throw .init(.input, "nothing was fetched: '\(work.path)' is not the absolute path of a file")
        }
        guard Artifact.isName(work.name) else {
            throw .init(.input, "nothing was fetched: its artifact '\(work.name)' \(Artifact.nameRule)")
        }
    }
}

/// Standard output is the file; what the script says of it is its log.
private struct FetchSink: OutputSink {
    let file: IncomingFile
    let log: OutputRecorder
    let room: RoomWait

    func taken(_ stream: HostStream) async -> Int { stream == .stdout ? file.taken : await log.taken(stream) }

    func take(_ bytes: [UInt8], of stream: HostStream, at offset: Int) async throws {
        guard stream == .stdout else { return try await log.take(bytes, of: stream, at: offset) }
        try await room { try await file.take(bytes, at: offset) }
    }
}
