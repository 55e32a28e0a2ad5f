import FlowModel

/// `90 s` is `1 min 30 s`; at most two units.
func spanText(_ seconds: Double) -> String {
    let whole = Int(min(max(seconds, 0), 1e15))
    if Double(whole) != seconds, seconds < 60 { return "\(JSON.double((seconds * 1000).rounded() / 1000).text) s" }
    let units = [("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1)]
    var rest = whole
    var parts: [String] = []
    for (name, size) in units where rest >= size {
        parts.append("\(rest / size) \(name)")
        rest %= size
        if parts.count == 2 { break }
    }
    return parts.isEmpty ? "0 s" : parts.joined(separator: " ")
}

/// The time since the start: `+0:01:30`, `+3d 02:00:00`.
package func sinceText(_ seconds: Double) -> String {
    let thousandths = Int((min(max(seconds, 0), 1e13) * 1000).rounded())
    let whole = thousandths / 1000
    func pad(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
    let digits = String(thousandths % 1000 + 1000).dropFirst()
    let fraction = thousandths % 1000 == 0 ? "" : "." + digits.reversed().drop { $0 == "0" }.reversed().map(String.init).joined()
    let clock = ":\(pad(whole / 60 % 60)):\(pad(whole % 60))\(fraction)"
    let hours = whole / 3600
    return hours < 24 ? "+\(hours)\(clock)" : "+\(hours / 24)d \(pad(hours % 24))\(clock)"
}

extension AttemptState {
    var words: String {
        switch self {
        case .timedOut: "timed out"
        case .leased, .running, .succeeded, .failed, .lost, .cancelled: rawValue
        }
    }
}

extension TargetOutcome {
    package var words: String {
        switch self {
        case .timedOut: "timed out"
        case .notStarted: "not started"
        case .ok, .changed, .skipped, .failed, .unreachable, .cancelled, .unknown: rawValue
        }
    }
}

extension UndoState {
    package var words: String {
        switch self {
        case .undone: "undone"
        case .failed: "could not be undone"
        case .cancelled: "its undo was cancelled"
        case .running: "is being undone"
        }
    }
}
