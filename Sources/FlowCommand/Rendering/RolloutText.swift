import FlowModel
import FlowWire

/// A rollout for people: a line for each batch, and the targets that need looking at.
struct RolloutText {
    let targets: [Wire.Target]
    /// Every target that was asked for, not only those that are not done.
    let showsAll: Bool
    let now: Instant
    let style: Style

    func lines(width: Int?) -> [String] {
        var lines = batches.lines(style: style, width: width)
        let shown = showsAll ? targets : targets.filter { !$0.outcome.isDone && ($0.running || $0.outcome != .notStarted) || $0.undo != nil }
        if !shown.isEmpty { lines += [""] + table(shown).lines(style: style, width: width) }
        return lines
    }

    private var batches: Table {
        var table = Table("batch", "targets", "outcomes")
        for (batch, members) in Dictionary(grouping: targets, by: \.batch).sorted(by: { $0.key < $1.key }) {
            let outcomes = TargetOutcome.allCases.compactMap { outcome -> String? in
                let count = members.count { $0.outcome == outcome && !$0.running }
                return count == 0 ? nil : "\(count) \(outcome.rawValue)"
            }
            let running = members.count(where: \.running)
            let undone = members.count { $0.undo == .undone }
            let all = (running > 0 ? ["\(running) running"] : []) + outcomes + (undone > 0 ? ["\(undone) undone"] : [])
            table.add(.init("\(batch)"), .init("\(members.count)"), .init(all.joined(separator: ", ")))
        }
        return table
    }

    private func table(_ shown: [Wire.Target]) -> Table {
        var table = Table("target", "batch", "outcome", "undo", "took", "reason")
        for target in shown {
            let took = target.startedAt.map { durationText((target.endedAt ?? now).seconds(since: $0)) } ?? ""
            table.add(
                .init(target.name), .init("\(target.batch)"),
                .init(target.running ? "running" : target.outcome.rawValue, target.running ? .plain : target.outcome.colour),
                .init(target.undo?.rawValue ?? ""), .init(took), .init(target.reason ?? ""))
        }
        return table
    }
}

extension TargetOutcome {
    fileprivate var colour: Style.Colour {
        switch self {
        case .ok, .changed: .green
        case .failed, .unreachable, .timedOut, .unknown: .red
        case .skipped, .cancelled, .notStarted: .dim
        }
    }
}
