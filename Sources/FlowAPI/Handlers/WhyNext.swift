import FlowEngine
import FlowModel
import FlowWire

/// How a run goes on that has ended without success. Where an undo is left in the middle that is the undo: a retry would do the change again.
enum WhyNext {
    static func steps(of row: RunRow, _ api: API) async throws -> [Wire.NextStep] {
        guard row.state == .failed || row.state == .cancelled else { return [] }
        let outcome: UndoOutcome?
        do {
            outcome = try await api.engine.folds(from: api.reader).undoOutcome(of: row.id)
        } catch is StoreError {
            return [Wire.NextStep("flowctl doctor", "its journal cannot be read")]
        }
        return steps(of: row.id, outcome ?? UndoOutcome())
    }

    private static func steps(of run: RunID, _ outcome: UndoOutcome) -> [Wire.NextStep] {
        let retry = "flowctl retry \(run)"
        guard outcome.left > 0 else {
            return [Wire.NextStep(retry, outcome.isUndone ? "does again what was undone, too" : nil)]
        }
        let part = outcome.step.map { " '\($0)'" } ?? ""
        var steps = [Wire.NextStep("flowctl undo \(run)\(part) -m REASON", "goes on with what is left to undo")]
        if let stuck = outcome.stuck.first {
            let step = outcome.stuck.count == 1 ? "'\(stuck)'" : "STEP"
            let which = outcome.stuck.count == 1 ? "" : " (STEP: " + list(outcome.stuck) + ")"
            steps += [
                Wire.NextStep("flowctl resolve \(run) \(step) --as succeeded -m REASON", "it was taken back by hand\(which)"),
                Wire.NextStep("flowctl skip \(run) \(step) -m REASON", "it stays as it is"),
            ]
        }
        return steps + [Wire.NextStep(retry, "does everything again that was undone, or half undone")]
    }

    private static func list(_ steps: [StepPath]) -> String {
        steps.prefix(APILimits.failuresShown).map { "'\($0)'" }.joined(separator: ", ") + (steps.count > APILimits.failuresShown ? ", …" : "")
    }

    /// The end of a summary.
    static func words(_ next: [Wire.NextStep]) -> String {
        guard !next.isEmpty else { return "" }
        let ways = next.map { step in step.command + (step.purpose.map { " (\($0))" } ?? "") }
        return " Go on with: " + ways.joined(separator: "; or: ")
    }
}
