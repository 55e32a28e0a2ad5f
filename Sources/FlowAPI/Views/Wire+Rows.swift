import FlowEngine
package import FlowModel
package import FlowWire

// Rows as people see them. Everything that may hold a sealed secret is redacted here, in this file.

extension Wire.Run {
    package init(_ row: RunRow, steps: [Wire.Step]? = nil, next: String? = nil) {
        self.init(
            id: row.id, flow: row.flow, revision: row.revision, state: row.state, reason: row.reason.map(redacted),
            waitingFor: row.waitingFor.isEmpty ? nil : row.waitingFor.map { $0.completed(for: row.id) }, outcome: row.outcome,
            inputs: SealedText.redacted(row.inputs), labels: row.labels, actor: row.actor, key: row.key,
            createdAt: row.createdAt, startedAt: row.startedAt, endedAt: row.endedAt,
            counts: Dictionary(uniqueKeysWithValues: row.counts.map { ($0.key.rawValue, $0.value) }),
            sequence: row.head.sequence, steps: steps, next: next,
            priority: row.priority == Priority.usual ? nil : row.priority, registered: row.isRegistered)
        inputBytes = row.inputBytes
    }
}

extension Wire.Step {
    /// `older` are the attempts before the newest one, newest first.
    package init(_ row: StepRow, older: [AttemptRow] = []) {
        var output: JSON?
        var digest: Digest?
        switch row.output {
        case .inline(.null), nil: break
        case .inline(let value): output = SealedText.redacted(value)
        case .blob(let blob, _): digest = blob
        }
        let attempts = (row.attempt.map { [$0] } ?? []) + older
        self.init(
            path: row.path, name: row.name, kind: row.kind, state: row.state, reason: row.reason.map(redacted),
            generation: row.generation, output: output, outputDigest: digest, changed: row.changed,
            waitingFor: row.waiting?.completed(for: row.run), startedAt: row.startedAt, endedAt: row.endedAt,
            attempts: attempts.prefix(APILimits.attemptsShown).map(Wire.Attempt.init))
    }
}

extension Wire.Attempt {
    package init(_ row: AttemptRow) {
        self.init(
            number: row.number, generation: row.generation, state: row.state, target: row.target, worker: row.worker,
            exitStatus: row.exitStatus, signal: row.signal, startedAt: row.startedAt, endedAt: row.endedAt,
            message: row.message.map(redacted), containment: row.containment, outputBytes: row.outputBytes,
            truncated: row.truncated)
    }
}

extension Waiting {
    /// With the command that would end the wait, where the engine did not name one.
    package func completed(for run: RunID) -> Waiting {
        var waiting = self
        waiting.release = release ?? Waiting.command(for: kind, subject: subject, run: run)
        return waiting
    }

    private static func command(for kind: WaitKind, subject: String, run: RunID) -> String? {
        let step = "'\(subject)'"
        return switch kind {
        case .approval: "flowctl approve \(run) \(step)"
        case .hold: "flowctl retry \(run) --from \(step)"
        case .unknown, .unreachable: "flowctl resolve \(run) \(step) --as succeeded|failed|retry -m TEXT"
        case .timer: "flowctl skip \(run) \(step) -m TEXT"
        case .freeze, .window: "flowctl release \(run) --break-glass -m TEXT"
        case .signal, .child, .lock, .rate, .worker, .soak, .breakpoint: nil
        }
    }
}

func redacted(_ text: String) -> String { SealedText.replacing(in: text) { _ in SealedText.shown } }

extension String {
    /// At most so many bytes of it, with a mark that says how many there are.
    func cut(toBytes limit: Int) -> String {
        guard utf8.count > limit else { return self }
        // What ends in the middle of a character loses it.
        let start = String(decoding: utf8.prefix(limit), as: UTF8.self)
        return "\(start.hasSuffix("\u{FFFD}") ? String(start.dropLast()) : start)… (\(utf8.count) bytes)"
    }
}
