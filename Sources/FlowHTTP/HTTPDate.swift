extension HTTP {
    /// A date of a header field, in seconds since 1970: in any of the three forms that RFC 9110, 5.6.7 has everybody read. Nil: it is none.
    /// - Parameter now: tells which century a year of two digits is in, in seconds since 1970.
    package static func date(_ text: String, now: Int64) -> Int64? {
        let words = text.split(separator: " ", omittingEmptySubsequences: true).map(String.init)
        let date =
            switch words.count {
            // Sun, 06 Nov 1994 08:49:37 GMT
            case 6 where isDay(words[0], HTTPDate.days, ",") && words[5] == "GMT":
                HTTPDate(year: words[3], month: words[2], day: words[1], time: words[4])
            // Sunday, 06-Nov-94 08:49:37 GMT
            case 4 where isDay(words[0], HTTPDate.longDays, ",") && words[3] == "GMT":
                HTTPDate(dashed: words[1], time: words[2], now: now)
            // Sun Nov  6 08:49:37 1994
            case 5 where isDay(words[0], HTTPDate.days, ""):
                HTTPDate(year: words[4], month: words[1], day: words[2], time: words[3])
            default: HTTPDate?.none
            }
        return date?.seconds
    }

    private static func isDay(_ word: String, _ days: [String], _ end: String) -> Bool { days.contains { $0 + end == word } }
}

/// A moment by the calendar, in UTC. That the day of the week is the right one is not looked at.
private struct HTTPDate {
    static let days = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
    static let longDays = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
    private static let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
    /// A date of two digits that seems further ahead than this is in the past.
    private static let yearsAhead = 50

    private var year: Int
    private let month: Int
    private let day: Int
    private let secondOfDay: Int

    /// Nil when a part of it is none.
    init?(year: String, month: String, day: String, time: String) {
        guard let month = Self.months.firstIndex(of: month), year.utf8.count == 4, let year = Self.digits(year), year >= 1_601,
            (1...2).contains(day.utf8.count), let day = Self.digits(day)
        else { return nil }
        self.init(year: year, month: month + 1, day: day, time: time)
    }

    /// `06-Nov-94`.
    init?(dashed: String, time: String, now: Int64) {
        let parts = dashed.split(separator: "-", omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 3, let month = Self.months.firstIndex(of: parts[1]), parts[0].utf8.count == 2, let day = Self.digits(parts[0]),
            parts[2].utf8.count == 2, let short = Self.digits(parts[2])
        else { return nil }
        let thisYear = Self.year(of: now)
        var year = thisYear / 100 * 100 + short
        if year > thisYear + Self.yearsAhead { year -= 100 } else if year <= thisYear - Self.yearsAhead { year += 100 }
        self.init(year: year, month: month + 1, day: day, time: time)
    }

    private init?(year: Int, month: Int, day: Int, time: String) {
        let parts = time.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
        let numbers = parts.compactMap { $0.utf8.count == 2 ? Self.digits($0) : nil }
        // A leap second is a second of the next minute.
        guard parts.count == 3, numbers.count == 3, numbers[0] < 24, numbers[1] < 60, numbers[2] <= 60,
            (1...Self.length(of: month, year)).contains(day)
        else { return nil }
        (self.year, self.month, self.day) = (year, month, day)
        secondOfDay = numbers[0] * 3_600 + numbers[1] * 60 + numbers[2]
    }

    /// Since 1970.
    var seconds: Int64 { Int64(Self.dayNumber(year, month, day)) * 86_400 + Int64(secondOfDay) }

    private static func digits(_ text: String) -> Int? {
        text.utf8.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) } ? Int(text) : nil
    }

    private static func length(of month: Int, _ year: Int) -> Int {
        let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
        return month == 2 ? isLeap ? 29 : 28 : [4, 6, 9, 11].contains(month) ? 30 : 31
    }

    /// Days since 1970-01-01 of the Gregorian calendar; years count from March, so that a leap day is a year's last.
    private static func dayNumber(_ year: Int, _ month: Int, _ day: Int) -> Int {
        let marchYear = month > 2 ? year : year - 1
        let dayOfYear = (153 * ((month + 9) % 12) + 2) / 5 + day - 1
        return marchYear * 365 + marchYear / 4 - marchYear / 100 + marchYear / 400 + dayOfYear - 719_468
    }

    private static func year(of seconds: Int64) -> Int {
        let days = min(max(seconds / 86_400, 0), 2_900_000)
        var year = 1_970 + Int(days) / 366
        while dayNumber(year + 1, 1, 1) <= Int(days) { year += 1 }
        return year
    }
}
