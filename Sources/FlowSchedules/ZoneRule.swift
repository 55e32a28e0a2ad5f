import FlowModel

/// What a zone does for ever after its table: the POSIX `TZ` string at the end of a TZif file, such as `CET-1CEST,M3.5.0,M10.5.0/3`.
struct ZoneRule: Hashable, Sendable {
    /// A day of every year, and the second of that day, which may lie outside it (RFC 9636 §3.3.1).
    struct Change: Hashable, Sendable {
        enum Day: Hashable, Sendable {
            /// `Jn`: 1–365, 29 February is never counted.
            case julian(Int)
            /// `n`: 0–365, 29 February is counted.
            case dayOfYear(Int)
            /// `Mm.w.d`: the w-th weekday d of month m; week 5 is the last.
            case weekday(month: Int, week: Int, weekday: Int)
        }
        var day: Day
        var second: Int
    }

    struct Summer: Hashable, Sendable {
        var offset: Int
        /// In standard time.
        var begins: Change
        /// In summer time.
        var ends: Change
    }

    var standard: Int
    var summer: Summer?

    /// The transitions of the year of this moment and of those beside it, in order; of two at one moment the later one counts.
    func transitions(around seconds: Int) -> [Zone.Transition] {
        guard let summer else { return [] }
        let year = CivilDate(daysSince1970: seconds.floorDivided(by: 86_400)).year
        var all: [Zone.Transition] = []
        for year in year - 1...year + 1 {
            let begin = Zone.Transition(at: summer.begins.seconds(in: year) - standard, offset: summer.offset)
            let end = Zone.Transition(at: summer.ends.seconds(in: year) - summer.offset, offset: standard)
            all += begin.at < end.at ? [begin, end] : [end, begin]
        }
        // A rule for summer all year ends one year's at the moment at which the next begins.
        return all.enumerated().filter { $0.offset + 1 == all.count || all[$0.offset + 1].at > $0.element.at }.map(\.element)
    }
}

extension ZoneRule.Change {
    /// Seconds since 1970 on the wall's clock.
    func seconds(in year: Int) -> Int {
        let first = CivilDate(year: year, month: 1, day: 1).daysSince1970
        let isLeap = CivilDate.daysInMonth(2, of: year) == 29
        let number =
            switch day {
            case .julian(let day): first + day - (isLeap && day >= 60 ? 0 : 1)
            case .dayOfYear(let day): first + day
            case .weekday(let month, let week, let weekday): ZoneRule.Change.day(weekday, week, month, year)
            }
        return number * 86_400 + second
    }

    private static func day(_ weekday: Int, _ week: Int, _ month: Int, _ year: Int) -> Int {
        let first = CivilDate(year: year, month: month, day: 1).daysSince1970
        var day = first + (weekday - CivilDate.weekday(ofDay: first)).remainder(by: 7) + (week - 1) * 7
        if day >= first + CivilDate.daysInMonth(month, of: year) { day -= 7 }
        return day
    }
}
