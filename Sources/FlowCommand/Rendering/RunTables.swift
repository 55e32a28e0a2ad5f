import FlowModel
import FlowWire

/// Runs and steps as tables.
enum RunTables {
    static func runs(_ runs: [Wire.Run], now: Instant) -> Table {
        let short = ShortIDs(runs.map(\.id))
        var table = Table("run", "flow", "state", "steps", "started", "took", "by", "waits for")
        for run in runs {
            let settled = StepState.allCases.filter(\.isSettled).reduce(0) { $0 + (run.counts[$1.rawValue] ?? 0) }
            // What undoes a step that was done again since has no turn in a run that has succeeded.
            let all = run.state == .succeeded ? settled : run.counts.values.reduce(0, +)
            let took = run.startedAt.map { durationText((run.endedAt ?? now).seconds(since: $0)) } ?? ""
            table.add(
                .init(short[run.id]), .init(run.flow + (run.registered == false ? " (not registered)" : "")),
                .init(run.state.rawValue, run.state.colour), .init("\(settled)/\(all)"),
                .init(momentText(run.startedAt ?? run.createdAt)), .init(took), .init(run.actor),
                .init(waits(run.waitingFor ?? [], of: run.id) ?? run.reason ?? ""))
        }
        return table
    }

    private static func waits(_ waits: [Waiting], of run: RunID) -> String? {
        guard let first = waits.first else { return nil }
        return (own(first, of: run) ?? "\(first.kind.rawValue) \(first.subject)") + (waits.count > 1 ? " and \(waits.count - 1) more" : "")
    }

    /// What the run itself waits for, and no step of it: a lock, a pause. Its id says nothing there.
    private static func own(_ wait: Waiting, of run: RunID) -> String? {
        wait.subject == run.text ? wait.reason ?? wait.kind.rawValue : nil
    }

    static func steps(_ steps: [Wire.Step], now: Instant) -> Table {
        var table = Table("step", "kind", "state", "attempt", "target", "exit", "took", "output", "reason")
        for step in steps {
            let attempt = step.attempts.first
            let took = step.startedAt.map { durationText((step.endedAt ?? now).seconds(since: $0)) } ?? ""
            let changed = step.changed == true ? ", changed" : ""
            table.add(
                .init(step.path.text), .init(step.kind), .init(step.state.rawValue + changed, StateLook(step.state).colour),
                .init(attempt.map { "\($0.number)" } ?? ""), .init(attempt?.target ?? ""),
                .init(attempt?.exitStatus.map(String.init) ?? attempt?.signal.map { "signal \($0)" } ?? ""), .init(took),
                .init(attempt.map { bytesText($0.outputBytes) + ($0.truncated ? ", cut" : "") } ?? ""), .init(step.reason ?? "")
            )
        }
        return table
    }

    /// The columns of `flowctl artifacts`.
    static func artifacts(_ artifacts: [Wire.Artifact]) -> Table {
        var table = Table("step", "target", "name", "bytes", "sha256")
        for artifact in artifacts {
            table.add(
                .init(artifact.step.text), .init(artifact.target ?? ""), .init(artifact.name), .init(bytesText(artifact.bytes)),
                .init(artifact.sha256.hex))
        }
        return table
    }

    private static func bytesText(_ bytes: Int) -> String {
        switch bytes {
        case ..<1_024: "\(bytes) B"
        case ..<(1 << 20): "\(bytes / 1_024) KiB"
        default: "\(bytes >> 20) MiB"
        }
    }

    /// What `show` says above the steps.
    static func facts(of run: Wire.Run) -> [String] {
        let standing = run.registered == false ? ", \(notRegistered(run.flow))" : ""
        var lines = ["revision  \(run.revision.short)\(standing)", "by        \(run.actor), \(momentText(run.createdAt))"]
        if let key = run.key { lines.append("key       \(key)") }
        if !run.labels.isEmpty {
            lines.append(
                "labels    " + run.labels.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }.joined(separator: " "))
        }
        lines += inputs(run.inputs)
        for wait in run.waitingFor ?? [] {
            let what = own(wait, of: run.id) ?? "\(wait.kind.rawValue) '\(wait.subject)'"
            lines.append("waits for \(what) since \(momentText(wait.since))")
            if let release = wait.release { lines.append("          \(release)") }
        }
        return lines.map { $0.neutralised() }
    }

    /// What is said wherever a run shows a flow's name and does not follow what is registered under it.
    static func notRegistered(_ flow: String) -> String { "not what is registered as '\(flow)'" }

    static func inputs(_ inputs: JSON) -> [String] {
        let members = (inputs.objectValue ?? [:]).sorted { $0.key < $1.key }
        return members.enumerated().map { index, member in
            "\(index == 0 ? "inputs   " : "         ") \(member.key) = \(member.value.canonical)"
        }
    }
}
