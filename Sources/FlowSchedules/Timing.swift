package import FlowModel

/// When a schedule is due, on a wall's clock.
package enum Timing: Hashable, Sendable, CustomStringConvertible {
    case cron(CronExpression)
    case once(OnceAt)
    case alarm(Alarm)

    /// Due in every hour, and so bound to elapsed time rather than to a time of the day.
    package var isEveryHour: Bool {
        if case .cron(let expression) = self { expression.isEveryHour } else { false }
    }

    package var description: String {
        switch self {
        case .cron(let expression): expression.text
        case .once(let once): "at \(once.wall)"
        case .alarm(let alarm): alarm.description
        }
    }

    /// Minutes of the day, in order; the same on every day that counts.
    var minutesOfDay: [Int] {
        switch self {
        case .cron(let expression): expression.minutesOfDay
        case .once(let once): [once.wall.minuteOfDay]
        case .alarm(let alarm): alarm.minutesOfDay
        }
    }

    func nextDay(onOrAfter first: Int, before end: Int) -> Int? {
        switch self {
        case .cron(let expression): expression.nextDay(onOrAfter: first, before: end)
        case .once(let once): (first..<max(first, end)).contains(once.wall.day) ? once.wall.day : nil
        case .alarm(let alarm): alarm.nextDay(onOrAfter: first, before: end)
        }
    }
}

/// One minute of one day: `2026-03-29 02:30`.
package struct OnceAt: Hashable, Sendable {
    package let wall: WallTime

    package init(_ text: String) throws(FlowError) {
        guard let wall = WallTime(text) else {
            throw FlowError(.usage, subject: "at", "'\(text)' is no date and time such as '2026-03-29 14:30'.")
        }
        self.wall = wall
    }
}

/// Times of the day on chosen weekdays, as an alarm clock has them: `07:30 Mon-Fri`, `07:30,19:00 Sat,Sun`, `06:00` for every day.
package struct Alarm: Hashable, Sendable, CustomStringConvertible {
    package let description: String
    let minutesOfDay: [Int]
    let weekdays: UInt64

    package init(_ text: String) throws(FlowError) {
        description = text
        let parts = text.split(separator: " ")
        guard (1...2).contains(parts.count) else {
            throw FlowError(.usage, subject: "alarm", "Alarm '\(text)' is not times and weekdays such as '07:30 Mon-Fri'.")
        }
        var times = Set<Int>()
        for part in parts[0].split(separator: ",", omittingEmptySubsequences: false) {
            guard let minute = WallTime.minuteOfDay(part) else {
                throw FlowError(.usage, subject: "alarm", "Alarm '\(text)': '\(part)' is no time of the day; allowed are 00:00-23:59.")
            }
            times.insert(minute)
        }
        minutesOfDay = times.sorted()
        guard parts.count == 2 else {
            weekdays = 0x7F
            return
        }
        let mask = try CronFieldReader(field: .weekday, text: text).mask(of: parts[1])
        weekdays = (mask | mask >> 7) & 0x7F
    }

    func nextDay(onOrAfter first: Int, before end: Int) -> Int? {
        (first..<max(first, min(end, first + 7))).first { weekdays & 1 << UInt64(CivilDate.weekday(ofDay: $0)) != 0 }
    }
}
