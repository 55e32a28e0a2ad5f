extension ZoneRule {
    /// Where the United States change, for a rule that names a summer time but not when: what POSIX systems take.
    private static let usualBegin = Change(day: .weekday(month: 3, week: 2, weekday: 0), second: 7_200)
    private static let usualEnd = Change(day: .weekday(month: 11, week: 1, weekday: 0), second: 7_200)

    /// nil for a text that is not a POSIX `TZ` rule.
    init?(_ text: String) {
        var reader = RuleReader(rest: Substring(text))
        guard reader.name(), let west = reader.seconds(RuleReader.offsetHours) else { return nil }
        standard = -west
        guard !reader.rest.isEmpty else { return }
        guard reader.name() else { return nil }
        var offset = standard + 3_600
        if let next = reader.rest.first, next != "," {
            guard let west = reader.seconds(RuleReader.offsetHours) else { return nil }
            offset = -west
        }
        guard reader.take(",") else {
            guard reader.rest.isEmpty else { return nil }
            summer = Summer(offset: offset, begins: ZoneRule.usualBegin, ends: ZoneRule.usualEnd)
            return
        }
        guard let begins = reader.change(), reader.take(","), let ends = reader.change(), reader.rest.isEmpty else { return nil }
        summer = Summer(offset: offset, begins: begins, ends: ends)
    }
}

private struct RuleReader {
    static let offsetHours = 0...24
    /// Of a change: up to a week from its day (RFC 9636 §3.3.1).
    private static let changeHours = 0...167

    var rest: Substring

    mutating func take(_ character: Character) -> Bool {
        guard rest.first == character else { return false }
        rest.removeFirst()
        return true
    }

    /// An abbreviation: at least three letters, or anything between `<` and `>`.
    mutating func name() -> Bool {
        if take("<") {
            guard let end = rest.firstIndex(of: ">") else { return false }
            rest = rest[rest.index(after: end)...]
            return true
        }
        let letters = rest.prefix { $0.isASCII && $0.isLetter }
        rest = rest.dropFirst(letters.count)
        return letters.count >= 3
    }

    /// `[+-]hh[:mm[:ss]]`, in seconds.
    mutating func seconds(_ hours: ClosedRange<Int>) -> Int? {
        let isNegative = take("-")
        if !isNegative { _ = take("+") }
        guard var total = number(in: hours).map({ $0 * 3_600 }) else { return nil }
        for unit in [60, 1] where take(":") {
            guard let part = number(in: 0...59) else { return nil }
            total += part * unit
        }
        return isNegative ? -total : total
    }

    mutating func change() -> ZoneRule.Change? {
        guard let day = day() else { return nil }
        guard take("/") else { return ZoneRule.Change(day: day, second: 7_200) }
        return seconds(RuleReader.changeHours).map { ZoneRule.Change(day: day, second: $0) }
    }

    private mutating func day() -> ZoneRule.Change.Day? {
        if take("J") { return number(in: 1...365).map { .julian($0) } }
        guard take("M") else { return number(in: 0...365).map { .dayOfYear($0) } }
        guard let month = number(in: 1...12), take("."), let week = number(in: 1...5), take("."), let weekday = number(in: 0...6)
        else { return nil }
        return .weekday(month: month, week: week, weekday: weekday)
    }

    private mutating func number(in allowed: ClosedRange<Int>) -> Int? {
        let digits = rest.prefix { $0.isASCII && $0.isNumber }
        rest = rest.dropFirst(digits.count)
        return digits.digits.flatMap { allowed.contains($0) ? $0 : nil }
    }
}
