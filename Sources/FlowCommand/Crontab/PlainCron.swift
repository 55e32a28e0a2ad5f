/// The five fields of an expression in words that every cron reads alike.
///
/// Debian's cron and cronie refuse a step without a range (`5/15`), and take `MON-SUN` for a range that ends before it begins: it never comes. Found
/// in Debian's cron 3.0pl1-162 and in cronie's `entry.c`.
enum PlainCron {
    /// The last value of each field, as a step without an end goes to it.
    private static let last = [59, 23, 31, 12, 6]

    static func fields(_ cron: String) -> String {
        let fields = cron.split(whereSeparator: \.isWhitespace)
        guard fields.count == last.count else { return fields.joined(separator: " ") }
        return zip(fields, last).map { field, last in
            field.split(separator: ",", omittingEmptySubsequences: false).map { item(String($0), last) }.joined(separator: ",")
        }.joined(separator: " ")
    }

    private static func item(_ item: String, _ last: Int) -> String {
        let parts = item.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        var range = numbered(parts[0])
        guard parts.count == 2 else { return range }
        if !range.contains("-"), range != "*", range != "?" {
            let first = Int(range) ?? names[range.uppercased()] ?? last
            guard first < last else { return range }
            range = "\(first)-\(last)"
        }
        return "\(range)/\(parts[1])"
    }

    /// Weekdays of a range as numbers, where it begins or ends on a Sunday.
    private static func numbered(_ range: String) -> String {
        let ends = range.split(separator: "-").map { $0.uppercased() }
        guard ends.count == 2, ends.contains("SUN") || ends[1] == "0", let first = names[ends[0]] ?? Int(ends[0]),
            let end = names[ends[1]] ?? Int(ends[1])
        else { return range }
        return "\(first)-\(end == 0 && first > 0 ? 7 : end)"
    }

    private static let names: [String: Int] = {
        let days = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"]
        let months = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"]
        return Dictionary(uniqueKeysWithValues: zip(days, 0...).map { ($0, $1) } + zip(months, 1...).map { ($0, $1) })
    }()
}
