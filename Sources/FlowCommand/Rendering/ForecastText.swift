import FlowModel
import FlowWire

/// What a run would meet if it began now, for people: a bounded number of lines; all of it is in JSON.
enum ForecastText {
    /// Batches, freezes, locks and hosts of a batch that are printed.
    private static let shown = 20

    static func lines(_ preview: Wire.Preview) -> [String] {
        let closed = preview.closed ?? []
        var lines = closed.filter { $0.batch == nil }.map { "held now  \($0.flow == preview.flow ? "" : "flow \($0.flow) ")\(text($0))" }
        if let late = preview.lateHosts {
            lines.append("later     the hosts of \(names(late.map { "'\($0)'" })) are chosen by a step before, and looked up then")
        }
        for rollout in preview.rollouts ?? [] {
            lines += self.lines(rollout, closed.filter { $0.flow == rollout.flow && $0.step == rollout.step }, isCalled: rollout.flow != preview.flow)
        }
        lines += bounded(preview.locks ?? [], "locks") { lock in
            let place = (lock.flow == preview.flow ? "" : "flow \(lock.flow) ") + (lock.step ?? "the run")
            let holders = lock.holders.prefix(3).map { holder in
                "run \(holder.run.text.prefix(13))\(holder.step.map { " '\($0)'" } ?? "") of \(holder.flow) has it since \(holder.since)"
            }
            let more = lock.holders.count > 3 ? ["and \(lock.holders.count - 3) more"] : []
            let line = lock.waiting > 0 ? ["\(lock.waiting) in line"] : []
            return "waits for \(place): \(lock.what); \((holders + more + line).joined(separator: "; "))"
        }
        return lines.map { $0.neutralised() }
    }

    private static func lines(_ rollout: Wire.PlannedRollout, _ closed: [Wire.PlannedClosure], isCalled: Bool) -> [String] {
        let count = rollout.batches.reduce(0) { $0 + $1.count }
        let name = (isCalled ? "flow \(rollout.flow) " : "") + rollout.step
        var lines = [
            "rollout   \(name) to \(rollout.selector): \(count) hosts in \(rollout.batches.count) batches"
                + (rollout.isByChance == true ? ", in an order that comes out when it begins" : "")
        ]
        lines += bounded(Array(rollout.batches.enumerated()), "batches") { number, hosts in
            let held = closed.first { $0.batch == number + 1 }.map { "  held now \(text($0))" } ?? ""
            let names = rollout.isByChance == true ? "\(hosts.count) hosts" : self.names(hosts)
            return "  batch \(number + 1)".padded(to: 12) + "\(hosts.count)".padded(to: 5) + names + held
        }
        if let leftOut = rollout.leftOut {
            let all = leftOut.prefix(shown).map { "\($0.host) (\($0.reason))" }.joined(separator: ", ")
            let more = leftOut.count > shown ? " and \(leftOut.count - shown) more" : ""
            lines.append("  left out".padded(to: 12) + "\(leftOut.count)".padded(to: 5) + all + more)
        }
        return lines
    }

    private static func names(_ hosts: [String]) -> String {
        hosts.prefix(shown).joined(separator: ", ") + (hosts.count > shown ? " and \(hosts.count - shown) more" : "")
    }

    private static func text(_ closure: Wire.PlannedClosure) -> String {
        "by \(closure.kind.rawValue) '\(closure.rule)' \(closure.untilAt.map { "until \($0)" } ?? "until somebody ends it"): \(closure.reason)"
    }

    private static func bounded<Element>(_ elements: [Element], _ what: String, _ text: (Element) -> String) -> [String] {
        elements.prefix(shown).map(text) + (elements.count > shown ? ["  and \(elements.count - shown) more \(what)"] : [])
    }
}
