/// Numbers in 0..<1 for the jitter of delays: far apart from each other, which is all that jitter needs, and without a system call for
/// each decision. Multiples of the golden ratio from a first one by chance.
struct Chances {
    private static let step = 0.618_033_988_749_894_9
    private var value: Double

    init(random: [UInt8]) { value = random.reduce(0.0) { ($0 + Double($1)) / 256 } }

    mutating func next() -> Double {
        value += Chances.step
        if value >= 1 { value -= 1 }
        return value
    }
}
