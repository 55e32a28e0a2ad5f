package import FlowModel

/// What labels of a run may be, wherever they come from: a start, a schedule, a hook, the trigger of a flow.
package enum RunLabels {
    /// - Parameter what: what did not happen, at the beginning of the refusal.
    package static func check(_ labels: [String: String]?, _ what: String) throws(FlowError) {
        guard let labels else { return }
        try count(labels, at: Limits.labels, what)
        for (key, value) in labels {
            guard !key.isEmpty, key.utf8.count + value.utf8.count <= Limits.textBytes, !key.contains("="),
                !SealedText.isPresent(in: key + value)
            else {
                throw FlowError(
                    .usage, subject: "labels",
                    "\(what): label '\(key.prefix(200))' must have a name without '=' and at most \(Limits.textBytes) bytes in all.")
            }
        }
    }

    /// The labels of a run that is about to begin, with those that Flow has set; what was kept by an older version may have too many.
    package static func checkAll(_ labels: [String: String]) throws(FlowError) {
        try count(labels, at: Limits.labels + Limits.ownLabels, "Nothing was started")
        let bytes = labels.reduce(0) { $0 + $1.key.utf8.count + $1.value.utf8.count }
        let allowed = (Limits.labels + Limits.ownLabels) * Limits.textBytes
        guard bytes <= allowed else {
            throw FlowError(.usage, subject: "labels", "Nothing was started: the labels have \(bytes) bytes, at most \(allowed) are allowed.")
        }
    }

    private static func count(_ labels: [String: String], at most: Int, _ what: String) throws(FlowError) {
        guard labels.count <= most else {
            throw FlowError(.usage, subject: "labels", "\(what): \(labels.count) labels are given, a run has at most \(most).")
        }
    }
}
