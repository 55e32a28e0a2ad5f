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
        var message: String?
        switch result.outcome {
        case .succeeded: state = .succeeded
        case .failed(let failure): (state, message) = (.failed, failure.message)
        case .timedOut: state = .timedOut
        case .cancelled: state = .cancelled
        case .lost: state = .lost
        }
        endAttempt(number, state, counts: false, message: "probe", result: result)
        if wasStopping { return settle(number, .cancelled, reason: "cancelled while its outcome was unknown") }
        switch (state, result.exitStatus) {
        case (.succeeded, _): takeEffect(number)
        case (.failed, 1) where run.steps[number].spent >= Limits.repeatedLosses:
            emit(.unknown(ref(number), reason: "its attempts were lost \(run.steps[number].spent) times, and its probe says that none took effect"))
        case (.failed, 1):
            if run.isPaused { emit(.ready(ref(number))) } else { leaseAgain(number) }
        default:
            emit(.unknown(ref(number), reason: "its probe gave no answer: \(message ?? state.rawValue)"))
        }
    }

    /// Its probe says that it took effect. What it handed out is another question.
    private mutating func takeEffect(_ number: Int) {
        let value = assumedOutput(number)
        guard node(number).output == nil, unknownMembers(of: number, in: value) == nil else {
            return emit(.unknown(ref(number), reason: "its probe says that it took effect; its output is not known"))
        }
        settle(number, .succeeded, reason: "its probe says that it took effect", value: value, changed: true)
    }
}
