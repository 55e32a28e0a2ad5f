import FlowModel

/// Asking whether a lost attempt took effect, by the step's own probe.
extension RunMachine {
    /// Hands the probe out; the step is unknown when that cannot be done.
    mutating func probe(_ number: Int, _ message: String) {
        guard !run.isPaused else { return emit(.unknown(ref(number), reason: message + "; not probed: the run is paused")) }
        do throws(EvaluationError) {
            try lease(number, isProbe: true)
        } catch {
            emit(.unknown(ref(number), reason: "\(message); its probe cannot be made: \(error)"))
        }
    }

    /// 0: it took effect. 1: it did not, and has its turn again. Anything else says nothing.
    mutating func takeAnswer(_ result: AttemptResult, for number: Int, wasStopping: Bool) {
        let state: AttemptState
        switch result.outcome {
        case .succeeded: state = .succeeded
        case .failed: state = .failed
        case .timedOut: state = .timedOut
        case .cancelled: state = .cancelled
        case .lost: state = .lost
        }
        endAttempt(number, state, counts: false, message: "probe", result: result)
        if wasStopping { return settle(number, .cancelled, reason: "cancelled while its outcome was unknown") }
        switch (state, result.exitStatus) {
        case (.succeeded, _) where node(number).output == nil:
            settle(number, .succeeded, reason: "its probe says that it took effect", value: probedValue(number), changed: true)
        case (.succeeded, _): emit(.unknown(ref(number), reason: "its probe says that it took effect; its output is not known"))
        case (.failed, 1):
            if run.isPaused { emit(.ready(ref(number))) } else { leaseAgain(number) }
        default:
            emit(.unknown(ref(number), reason: "its probe gave no answer: \(result.exitStatus.map { "exit status \($0)" } ?? state.rawValue)"))
        }
    }

    private func probedValue(_ number: Int) -> JSON {
        guard case .shell = node(number).kind else { return .null }
        return ["exitStatus": 0, "stdout": "", "changed": true]
    }
}
