package import FlowModel

/// A minute as a clock on the wall shows it, of no particular zone: `2026-03-29T02:30`.
package struct WallTime: Hashable, Sendable, Comparable, CustomStringConvertible {
    package static let minutesADay = 1_440

    /// Minutes since 1970-01-01T00:00 on that clock.
    package var minutes: Int

    package init(minutes: Int) { self.minutes = minutes }
    package init(day: Int, minuteOfDay: Int) { minutes = day * WallTime.minutesADay + minuteOfDay }

    /// Reads `2026-03-29T02:30` or `2026-03-29 02:30`; nil for anything else, and for a date that no calendar has.
    package init?(_ text: String) {
        let halves = text.split(omittingEmptySubsequences: false) { $0 == "T" || $0 == " " }
        guard halves.count == 2, let date = CivilDate(text: halves[0]), let minute = WallTime.minuteOfDay(halves[1]) else { return nil }
        self.init(day: date.daysSince1970, minuteOfDay: minute)
    }

    /// Reads `7:30` or `07:30` as minutes since midnight.
    static func minuteOfDay(_ text: some StringProtocol) -> Int? {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 2, (1...2).contains(parts[0].count), parts[1].count == 2, let hour = parts[0].digits, let minute = parts[1].digits,
            hour < 24, minute < 60
        else { return nil }
        return hour * 60 + minute
    }

    /// Days since 1970-01-01.
    package var day: Int { minutes.floorDivided(by: WallTime.minutesADay) }
    package var minuteOfDay: Int { minutes - day * WallTime.minutesADay }
    package var date: CivilDate { CivilDate(daysSince1970: day) }

    package var description: String { "\(date.text)T\((minuteOfDay / 60).padded(2)):\((minuteOfDay % 60).padded(2))" }
    package static func < (one: WallTime, other: WallTime) -> Bool { one.minutes < other.minutes }
}

extension CivilDate {
    /// Reads `2026-03-29`; nil for a date that no calendar has.
    package init?(text: some StringProtocol) {
        let parts = text.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count == 3, parts[0].count == 4, parts[1].count == 2, parts[2].count == 2, let year = parts[0].digits,
            let month = parts[1].digits, let day = parts[2].digits
        else { return nil }
        self.init(year: year, month: month, day: day)
        guard exists else { return nil }
    }

    package var text: String { "\(year.padded(4))-\(month.padded(2))-\(day.padded(2))" }

    /// 0 is Sunday. 1970-01-01 was a Thursday.
    static func weekday(ofDay day: Int) -> Int { (day + 4).remainder(by: 7) }
}

extension Int {
    func floorDivided(by divisor: Int) -> Int { self % divisor < 0 ? self / divisor - 1 : self / divisor }
    func ceilDivided(by divisor: Int) -> Int { self % divisor > 0 ? self / divisor + 1 : self / divisor }
    /// Never negative for a positive divisor.
    func remainder(by divisor: Int) -> Int { self - floorDivided(by: divisor) * divisor }

    func padded(_ width: Int) -> String {
        let digits = String(self)
        return String(repeating: "0", count: Swift.max(0, width - digits.count)) + digits
    }
}

extension StringProtocol {
    /// The number that these decimal digits make; nil for a sign, a blank, or more digits than any field here takes.
    var digits: Int? {
        guard (1...9).contains(utf8.count), utf8.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
        return Int(self)
    }
}
