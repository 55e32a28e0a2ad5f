package import FlowModel

/// How long something took, for people: `0.8 s`, `41 s`, `3 min 12 s`, `2 h 5 min`, `3 d 4 h`.
package func durationText(_ seconds: Double) -> String {
    // What a server of another version says, too.
    let seconds = min(max(0, seconds), 1e15)
    if seconds < 9.95 { return "\(Double(Int((seconds * 10).rounded())) / 10) s" }
    let whole = Int(seconds.rounded())
    func pair(_ high: Int, _ highUnit: String, _ low: Int, _ lowUnit: String) -> String {
        low == 0 ? "\(high) \(highUnit)" : "\(high) \(highUnit) \(low) \(lowUnit)"
    }
    switch whole {
    case ..<60: return "\(whole) s"
    case ..<3_600: return pair(whole / 60, "min", whole % 60, "s")
    case ..<86_400: return pair(whole / 3_600, "h", whole % 3_600 / 60, "min")
    default: return pair(whole / 86_400, "d", whole % 86_400 / 3_600, "h")
    }
}

/// `2026-02-01 13:40:05Z`: a moment in a table, without the milliseconds that nobody compares there.
package func momentText(_ instant: Instant) -> String {
    let text = instant.description
    return text.prefix(19).replacing("T", with: " ") + "Z"
}
