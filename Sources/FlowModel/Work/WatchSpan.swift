/// For what, how often and how long something on the network is looked at.
package struct WatchSpan: Hashable, Sendable, Codable {
    /// Until it answers; else until it no longer does.
    package var answers: Bool
    /// Whole seconds between two looks, at least 1.
    package var intervalSeconds: Int
    /// Whole seconds until the step fails.
    package var timeoutSeconds: Int

    package init(answers: Bool, intervalSeconds: Int, timeoutSeconds: Int) {
        self.answers = answers
        self.intervalSeconds = intervalSeconds
        self.timeoutSeconds = timeoutSeconds
    }

    /// Of what such a step hands out.
    package static let shape = TypeShape.object([.init(name: "seconds", shape: .double), .init(name: "tries", shape: .int)])

    /// Its script ends by itself, and says why; one that cannot is ended by its host.
    var longestSeconds: Double { Double(timeoutSeconds) + Limits.watchMarginSeconds }

    /// Its time is over.
    var inVain: AttemptResult.Failure {
        .init(.exitStatus, answers ? "no answer within \(timeoutSeconds) s" : "it still answered after \(timeoutSeconds) s")
    }

    /// What it asks does not answer: in vain, unless that is what it waits for.
    var silence: AttemptResult.Outcome? { answers ? .failed(inVain) : nil }

    var faults: [String] {
        var faults: [String] = []
        if !(1...Limits.watchIntervalSeconds).contains(intervalSeconds) {
            faults.append("it must look again after 1 second to \(Limits.watchIntervalSeconds / 60) minutes, found \(intervalSeconds) s")
        }
        if !(1...Int(Limits.waitSeconds)).contains(timeoutSeconds) {
            faults.append("its time-out must be 1 second to a hundred years, found \(timeoutSeconds) s")
        }
        return faults
    }

    func summary(of what: String, from place: String?) -> String {
        "until \(what) \(answers ? "answers" : "no longer answers"), from \(place ?? "here"), every \(intervalSeconds) s, \(timeoutSeconds) s at most"
    }
}
