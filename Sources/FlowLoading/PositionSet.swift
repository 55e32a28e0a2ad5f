/// Positions in a plan, a bit each: which steps come before another one is asked for every pair that names each other.
struct PositionSet {
    private static let width = UInt64.bitWidth

    private var words: [UInt64] = []

    func contains(_ position: Int) -> Bool {
        let (word, bit) = position.quotientAndRemainder(dividingBy: PositionSet.width)
        return word < words.count && words[word] >> UInt64(bit) & 1 == 1
    }

    mutating func insert(_ position: Int) {
        let (word, bit) = position.quotientAndRemainder(dividingBy: PositionSet.width)
        if words.count <= word { words += Array(repeating: 0, count: word + 1 - words.count) }
        words[word] |= 1 << UInt64(bit)
    }

    mutating func formUnion(_ other: PositionSet) {
        if words.count < other.words.count { words += Array(repeating: 0, count: other.words.count - words.count) }
        for index in other.words.indices { words[index] |= other.words[index] }
    }
}
