import FlowModel

/// One of the five fields: its name, its values, and the names of values.
struct CronField {
    let name: String
    let allowed: ClosedRange<Int>
    /// The first is for `allowed.lowerBound`.
    let names: [String]

    static let minute = CronField(name: "minute", allowed: 0...59, names: [])
    static let hour = CronField(name: "hour", allowed: 0...23, names: [])
    static let day = CronField(name: "day of month", allowed: 1...31, names: [])
    static let month = CronField(
        name: "month", allowed: 1...12,
        names: ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"])
    static let weekday = CronField(name: "day of week", allowed: 0...7, names: ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"])

    static let inOrder = [minute, hour, day, month, weekday]

    /// What a field may hold, for messages.
    var choices: String {
        let words = self.names.first.flatMap { first in self.names.last.map { ", \(first)-\($0)" } } ?? ""
        let special =
            switch name {
            case CronField.day.name: ", L for the last day"
            case CronField.weekday.name: ", 5L for the last Friday, 5#2 for the second"
            default: ""
            }
        return "\(allowed.lowerBound)-\(allowed.upperBound)\(words), *, lists, ranges and steps (1,5-9,*/2)\(special)"
    }

    func refusal(_ found: some StringProtocol, _ why: String, in text: String) -> FlowError {
        let found = found.isEmpty ? "nothing" : "'\(found)'"
        return FlowError(.usage, subject: "cron", "Cron '\(text)': the \(name) field has \(found), \(why). Allowed: \(choices).")
    }
}

/// The values of a field as bits, read from its text: lists of `*`, `a`, `a-b`, each with `/step`.
struct CronFieldReader {
    let field: CronField
    let text: String

    /// - Parameter special: takes the items that only this field knows, and says whether it did.
    func mask(of content: Substring, special: (Substring) throws(FlowError) -> Bool = { _ in false }) throws(FlowError) -> UInt64 {
        var mask: UInt64 = 0
        for item in content.split(separator: ",", omittingEmptySubsequences: false) {
            guard !item.isEmpty else { throw field.refusal(content, "a list with an empty place", in: text) }
            if try special(item) { continue }
            mask |= try values(of: item)
        }
        return mask
    }

    private func values(of item: Substring) throws(FlowError) -> UInt64 {
        let parts = item.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        let range = try range(of: parts[0], item, isStepped: parts.count == 2)
        var step = 1
        if parts.count == 2 {
            guard let given = parts[1].digits, given > 0 else { throw field.refusal(item, "whose step is not a number above 0", in: text) }
            // `*/90` in the minute field would mean 0 alone, which nobody who writes it wants.
            guard given <= range.upperBound - range.lowerBound || range.count == 1 else {
                throw field.refusal(item, "whose step \(given) is larger than its range \(range.lowerBound)-\(range.upperBound)", in: text)
            }
            step = given
        }
        return stride(from: range.lowerBound, through: range.upperBound, by: step).reduce(0) { $0 | 1 << UInt64($1) }
    }

    private func range(of part: Substring, _ item: Substring, isStepped: Bool) throws(FlowError) -> ClosedRange<Int> {
        // 7 is a second name of Sunday: `*` does not count it.
        let all = field.allowed.lowerBound...(field.names.count == 7 ? 6 : field.allowed.upperBound)
        if part == "*" || part == "?" { return all }
        let ends = part.split(separator: "-", omittingEmptySubsequences: false)
        guard ends.count <= 2 else { throw field.refusal(item, "which is not a range", in: text) }
        let first = try value(of: ends[0], item)
        guard ends.count == 2 else { return isStepped ? first...max(first, all.upperBound) : first...first }
        var last = try value(of: ends[1], item)
        // FRI-SUN ends on the Sunday after.
        if field.names.count == 7, last == 0, first > 0 { last = 7 }
        guard first <= last else { throw field.refusal(item, "whose range ends before it begins", in: text) }
        return first...last
    }

    /// The value of a number or a name.
    func value(of text: Substring, _ item: Substring) throws(FlowError) -> Int {
        if let number = text.digits, field.allowed.contains(number) { return number }
        if let index = field.names.firstIndex(of: text.uppercased()) { return field.allowed.lowerBound + index }
        throw field.refusal(item, "where '\(text)' is none of its values", in: self.text)
    }
}
