import Glibc

/// What the C library's clock on the wall shows, minute by minute, round one transition of a zone.
struct Timeline {
    /// One minute of the world.
    struct Minute {
        /// Seconds since 1970 UTC.
        var time: Int
        var label: Label
    }

    /// What the wall shows. `serial` counts minutes, so that a jump can be told.
    struct Label: Equatable {
        var serial: Int
        var minute: Int
        var hour: Int
        var day: Int
        var month: Int
        var weekday: Int
        var isLastDay: Bool
        var isInLastWeek: Bool
    }

    /// A minute on the wall with all moments that show it; `jumpedTo` is set, and `times` empty, where the clock jumped over it.
    struct Shown {
        var label: Label
        var times: [Int]
        var jumpedTo: Int
    }

    var shown: [Shown] = []

    /// - Parameter span: seconds before and after.
    init(round transition: Int, span: Int) {
        var index: [Int: Int] = [:]
        var previous: Label?
        for time in stride(from: transition - span, through: transition + span, by: 60) {
            let label = Timeline.local(time)
            if let previous, label.serial > previous.serial + 1 {
                for serial in previous.serial + 1..<label.serial where index[serial] == nil {
                    index[serial] = shown.count
                    shown.append(Shown(label: Timeline.broken(serial), times: [], jumpedTo: time))
                }
            }
            if let place = index[label.serial] {
                shown[place].times.append(time)
            } else {
                index[label.serial] = shown.count
                shown.append(Shown(label: label, times: [time], jumpedTo: 0))
            }
            previous = label
        }
    }

    /// Seconds of the wall's clock ahead of UTC.
    static func offset(at time: Int) -> Int {
        var (moment, parts) = (time_t(time), tm())
        localtime_r(&moment, &parts)
        return parts.tm_gmtoff
    }

    private static func local(_ time: Int) -> Label {
        var (moment, parts) = (time_t(time), tm())
        localtime_r(&moment, &parts)
        return label(parts)
    }

    private static func broken(_ serial: Int) -> Label {
        var (moment, parts) = (time_t(serial * 60), tm())
        gmtime_r(&moment, &parts)
        return label(parts)
    }

    private static func label(_ given: tm) -> Label {
        var copy = given
        copy.tm_gmtoff = 0
        let serial = timegm(&copy) / 60
        func month(after days: Int) -> Int32 {
            var (moment, parts) = (time_t(serial * 60 + days * 86_400), tm())
            gmtime_r(&moment, &parts)
            return parts.tm_mon
        }
        return Label(
            serial: serial, minute: Int(given.tm_min), hour: Int(given.tm_hour), day: Int(given.tm_mday), month: Int(given.tm_mon) + 1,
            weekday: Int(given.tm_wday), isLastDay: month(after: 1) != given.tm_mon, isInLastWeek: month(after: 7) != given.tm_mon)
    }
}
