import FlowModel

/// The two fields of a cron expression that choose days.
struct CronDays: Hashable, Sendable {
    private var ofMonth: UInt64
    private var lastOfMonth = false
    private var ofWeek: UInt64
    /// Weekdays whose last one in the month counts.
    private var lastOfWeek: UInt64 = 0
    /// Bit 8n + d: the n-th weekday d of the month counts.
    private var numbered: UInt64 = 0
    /// Either field is enough, since both are restricted.
    private let takesEither: Bool

    init(ofMonth: Substring, ofWeek: Substring, text: String) throws(FlowError) {
        func isOpen(_ field: Substring) -> Bool { field.hasPrefix("*") || field.hasPrefix("?") }
        takesEither = !isOpen(ofMonth) && !isOpen(ofWeek)
        var (lastOfMonth, lastOfWeek, numbered) = (false, UInt64(0), UInt64(0))
        self.ofMonth = try CronFieldReader(field: .day, text: text).mask(of: ofMonth) { item throws(FlowError) in
            guard item.uppercased() == "L" else { return false }
            lastOfMonth = true
            return true
        }
        let reader = CronFieldReader(field: .weekday, text: text)
        let plain = try reader.mask(of: ofWeek) { item throws(FlowError) in
            if let mark = item.firstIndex(of: "#") {
                let number = item[item.index(after: mark)...]
                guard let count = number.digits, (1...5).contains(count) else {
                    throw CronField.weekday.refusal(item, "where what follows # is not 1-5", in: text)
                }
                numbered |= 1 << UInt64(8 * count + (try reader.value(of: item[..<mark], item)) % 7)
                return true
            }
            guard item.count > 1, item.uppercased().hasSuffix("L") else { return false }
            lastOfWeek |= 1 << UInt64((try reader.value(of: item.dropLast(), item)) % 7)
            return true
        }
        // 7 is 0.
        self.ofWeek = (plain | plain >> 7) & 0x7F
        (self.lastOfMonth, self.lastOfWeek, self.numbered) = (lastOfMonth, lastOfWeek, numbered)
    }

    func includes(day: Int, weekday: Int, monthLength: Int) -> Bool {
        let byMonth = ofMonth & 1 << UInt64(day) != 0 || lastOfMonth && day == monthLength
        if byMonth == takesEither { return byMonth }
        let count = (day - 1) / 7 + 1
        return ofWeek & 1 << UInt64(weekday) != 0 || numbered & 1 << UInt64(8 * count + weekday) != 0
            || lastOfWeek & 1 << UInt64(weekday) != 0 && day + 7 > monthLength
    }
}
