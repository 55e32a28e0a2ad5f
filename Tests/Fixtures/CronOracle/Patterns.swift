/// The expressions that are compared: by hand, for what is known to go wrong, and at random from a fixed seed.
enum Patterns {
    static let byHand = [
        "* * * * *", "*/5 * * * *", "*/15 * * * *", "0 * * * *", "30 * * * *", "59 23 * * *", "0 0 * * *", "30 0 * * *", "0 1 * * *",
        "30 1 * * *", "59 1 * * *", "0 2 * * *", "1 2 * * *", "30 2 * * *", "45 2 * * *", "0 3 * * *", "5 3 * * *", "30 3 * * *",
        "*/10 2 * * *", "*/7 1-3 * * *", "15,45 0-4 * * *", "0 0 L * *", "30 2 L * *", "0 2 L 2,3,10 *", "0 0 1 * *", "30 2 29 2 *",
        "0 2 * * 0", "30 2 * * SUN", "30 1 * * 7", "0 2 * * sun,mon", "0 9 * * 1-5", "0 9 * * MON-FRI", "0 0 * * FRI-SUN", "30 2 * * 0L",
        "30 2 * * 7L", "30 1 * * SUNL", "30 2 * * 0#2", "30 2 * 3 SUN#2", "30 1 * 11 SUN#1", "0 0 * * 5#5", "0 12 * * 6L", "0 0 13 * 5",
        "0 0 1,15 * 3", "0 0 */2 * 0", "30 2 1-7 * 0", "0 0 ? * 1", "0 2 8-14 3 ?", "30 2 * MAR,OCT *", "30 2 * 3-4 *", "0 2 31 * *",
        "59 1 31 3 *", "0 0 L * 1", "0 4/6 * * *", "5/20 2 * * *", "@hourly", "@daily", "@midnight", "@weekly", "@monthly", "@yearly",
        "@annually", "0 22-23 * * *", "30 23 * * 6", "0,30 0 * * 5,6", "0 0 * 4 5L", "0 0 * 10 4#5,5L", "*/30 */2 * * *", "1-59/2 2 * * *",
    ]

    static func all(random count: Int, seed: UInt64) -> [String] {
        var random = Random(state: seed)
        return byHand + (0..<count).map { _ in Patterns.random(&random) }
    }

    private static func random(_ random: inout Random) -> String {
        let minute = random.field(0...59, names: [])
        // Often in the small hours, where the clocks change.
        let hour = random.one(in: 2) ? random.field(0...4, names: []) : random.field(0...23, names: [])
        let day = random.one(in: 2) ? "*" : random.one(in: 6) ? "L" : random.field(1...28, names: [])
        let months = ["JAN", "FEB", "mar", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "oct", "NOV", "DEC"]
        let month = random.one(in: 2) ? "*" : random.field(1...12, names: months)
        var weekday = random.one(in: 2) ? "*" : random.field(0...6, names: ["SUN", "MON", "TUE", "wed", "THU", "FRI", "SAT"])
        if random.one(in: 6) { weekday = "\(random.number(0...7))#\(random.number(1...4))" }
        if random.one(in: 6) { weekday = "\(random.number(0...7))L" }
        return "\(minute) \(hour) \(day) \(month) \(weekday)"
    }
}

/// SplitMix64.
struct Random {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ value >> 30) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ value >> 27) &* 0x94D0_49BB_1331_11EB
        return value ^ value >> 31
    }

    mutating func number(_ range: ClosedRange<Int>) -> Int { range.lowerBound + Int(next() % UInt64(range.count)) }
    mutating func one(in count: Int) -> Bool { number(1...count) == 1 }

    mutating func field(_ range: ClosedRange<Int>, names: [String]) -> String {
        switch number(0...5) {
        case 0: return "*"
        case 1: return "*/\(number(1...max(1, range.count / 3)))"
        case 2:
            let first = number(range)
            let last = number(first...range.upperBound)
            return last - first > 2 && one(in: 2) ? "\(first)-\(last)/\(number(1...2))" : "\(first)-\(last)"
        case 3: return (0..<number(2...4)).map { _ in String(number(range)) }.joined(separator: ",")
        case 4 where !names.isEmpty: return names[number(0...names.count - 1)]
        default: return String(number(range))
        }
    }
}
