import FlowModel

extension RehearsalReport {
    /// A line below the timeline.
    package struct Remark: Hashable, Sendable {
        package var text: String
        package var tone: Row.Tone
    }

    /// How it ended: outcome, hosts, what was made up, what was of no use.
    package var summary: [Remark] { [ending] + waitRemarks + targetRemarks + inventedRemarks + unusedRemarks }

    private var ending: Remark {
        let time = String(sinceText(end.seconds(since: start)).dropFirst())
        if let stopped { return Remark(text: "Stopped after \(time): \(stopped).", tone: .bad) }
        guard state.isTerminal else { return Remark(text: "Waits after \(time), and nothing more comes:", tone: .waits) }
        let because = reason.map { ": \($0)" } ?? ""
        let verb = state == .cancelled ? hasSucceeded ? "is undone" : "was cancelled" : state.rawValue
        return Remark(text: "The run \(verb) after \(time)\(because).", tone: hasSucceeded ? .good : .bad)
    }

    private var waitRemarks: [Remark] { waitTexts.map { Remark(text: "  \($0)", tone: .waits) } }

    /// What it waits for, and which option decides that.
    package var waitTexts: [String] {
        if !state.isTerminal, stopped == nil, waits.isEmpty { return ["nothing that has a name: this is a bug of Flow"] }
        return waits.map { wait in
            let what =
                switch (wait.state, wait.kind) {
                case (.held, _): "is held"
                case (.unknown, _): "has an unknown outcome"
                case (_, .approval): "waits for people who do not decide"
                case (_, .signal): "waits for signal '\(wait.subject ?? "")', which does not come"
                case (_, let kind?): "waits: \(kind.rawValue)" + (wait.subject.map { " \($0)" } ?? "")
                case (_, nil): "waits"
                }
            let reason = wait.reason.map { ": \(Timeline.shown($0))" } ?? ""
            return "\(wait.place) \(what)\(reason)." + (wait.advice.isEmpty ? "" : " \(wait.advice)")
        }
    }

    private var targetRemarks: [Remark] {
        var places: [String] = []
        for target in targets where places.last != target.place { places.append(target.place) }
        return places.flatMap { place in
            let own = targets.filter { $0.place == place }
            return [Remark(text: "\(place):", tone: .heading)] + (own.count > RehearsalLimits.targetsShown ? grouped(own) : each(own))
        }
    }

    private func each(_ targets: [Target]) -> [Remark] {
        let width = targets.map(\.host.count).max() ?? 0
        return targets.map { target in
            let name = target.host + String(repeating: " ", count: max(0, width - target.host.count))
            return Remark(text: "  \(name)  \(target.words)", tone: target.tone)
        }
    }

    /// Those that came to the same, in the order of the first of each.
    private func grouped(_ targets: [Target]) -> [Remark] {
        var hosts: [String: [String]] = [:]
        var firsts: [Target] = []
        for target in targets {
            if hosts[target.words] == nil { firsts.append(target) }
            hosts[target.words, default: []].append(target.host)
        }
        return firsts.map { first in
            let names = hosts[first.words] ?? []
            let shown = names.prefix(RehearsalLimits.targetsShown).joined(separator: ", ")
            let more = names.count > RehearsalLimits.targetsShown ? " and \(names.count - RehearsalLimits.targetsShown) more" : ""
            return Remark(text: "  \(names.count) \(first.words): \(shown)\(more)", tone: first.tone)
        }
    }

    private var inventedRemarks: [Remark] {
        guard !invented.isEmpty else { return [] }
        let lines = invented.map { step, output in "  \(step): \(Timeline.shown(output.canonical))" }
        return [Remark(text: "Made up (--output STEP=JSON says otherwise):", tone: .heading)] + lines.map { Remark(text: $0, tone: .plain) }
    }

    private var unusedRemarks: [Remark] { unused.map { Remark(text: "Of no use: \($0). Nothing that it names was met.", tone: .waits) } }
}

extension RehearsalReport.Target {
    fileprivate var words: String {
        (TargetOutcome(rawValue: outcome)?.words ?? outcome) + (undo.map { ", \($0.words)" } ?? "")
    }

    fileprivate var tone: RehearsalReport.Row.Tone {
        if TargetOutcome(rawValue: outcome)?.isDone ?? (outcome == StepState.succeeded.rawValue) { return .good }
        return outcome == TargetOutcome.notStarted.rawValue ? .plain : .bad
    }
}
