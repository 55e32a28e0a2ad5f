import FlowModel

/// A host record that looks at the goal of a copy first: when the file is there already, nothing is placed, sent or recorded, and
/// the attempt ends as its script would have ended it.
///
/// Looking has no effect, so it needs no record; whatever goes wrong with it is left for the copy itself to say.
struct ComparingRecord: HostRecording {
    let record: any HostRecording
    let transport: any Transport
    let work: CopyWork
    let file: SourceFile
    /// Called when the host has answered.
    let answered: @Sendable () async -> Void

    func start(
        _ id: AttemptID, fence: Fence, target: String?, job: HostJob, sink: any OutputSink,
        placed: @Sendable (Place) async -> Bool, report: @escaping @Sendable (AttemptReport.Event) -> Void
    ) async -> HostOutcome {
        if await isThere() {
            let output = "sha256=\(file.digest)\nbytes=\(file.bytes.count)\nchanged=false\n"
            return .ended(HostEnd(cause: .exited, exitStatus: 0, output: Array(output.utf8)))
        }
        return await record.start(id, fence: fence, target: target, job: job, sink: sink, placed: placed, report: report)
    }

    func attach(
        _ id: AttemptID, fence: Fence, target: String?, place: Place, sink: any OutputSink,
        report: @escaping @Sendable (AttemptReport.Event) -> Void
    ) async -> HostOutcome {
        await record.attach(id, fence: fence, target: target, place: place, sink: sink, report: report)
    }

    func kill(_ id: AttemptID, fence: Fence, target: String?, grace: Double) async {
        await record.kill(id, fence: fence, target: target, grace: grace)
    }

    func forget(_ id: AttemptID, target: String?) async { await record.forget(id, target: target) }

    // MARK: - Looking

    private func isThere() async -> Bool {
        let found = await withTaskGroup(of: String?.self) { group in
            group.addTask { try? await look() }
            group.addTask {
                try? await Task.sleep(for: .seconds(WorkerLimits.compareSeconds))
                return nil
            }
            defer { group.cancelAll() }
            return await group.next() ?? nil
        }
        let words = (found ?? "").split(whereSeparator: \.isWhitespace)
        guard words.count == 2, words[0] == file.digest.hex, let mode = Int(words[1], radix: 8) else { return false }
        return work.mode.map { Int($0, radix: 8) == mode } ?? true
    }

    /// Digest and mode of the file at the goal; empty when there is none.
    private func look() async throws -> String {
        let channel = try await transport.open("exec /bin/sh -s")
        do {
            await answered()
            try await channel.write(Array(question.utf8))
            try await channel.finishInput()
            var answer: [UInt8] = []
            while let event = try await channel.next() {
                guard case .stdout(let bytes) = event else { continue }
                answer += bytes.prefix(1_024 - answer.count)
            }
            channel.close()
            return String(decoding: answer, as: UTF8.self)
        } catch {
            channel.close()
            throw error
        }
    }

    /// The path travels on standard input, as every value does.
    private var question: String {
        let sudo = work.account.map { "sudo -n -H -u \(Prelude.quoted($0)) -- " } ?? ""
        return """
            printf '%s\\n' \(Prelude.quoted(work.to)) | \(sudo)/bin/sh -c '
            IFS= read -r to
            [ -f "$to" ] && sum=$(sha256sum <"$to") && mode=$(stat -L -c %a "$to") && echo "${sum%% *} $mode"'

            """
    }
}
