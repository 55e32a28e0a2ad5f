/// Numbers of which few are looked at, from the lowest on: in order, each once.
package struct OrderedNumbers: Hashable, Sendable {
    private var numbers: [Int] = []

    package init() {}

    package mutating func insert(_ number: Int) {
        let place = place(of: number)
        if place == numbers.endIndex || numbers[place] != number { numbers.insert(number, at: place) }
    }

    package mutating func remove(_ number: Int) {
        let place = place(of: number)
        if place < numbers.endIndex, numbers[place] == number { numbers.remove(at: place) }
    }

    /// Where the number stands, or would.
    private func place(of number: Int) -> Int {
        var range = numbers.startIndex..<numbers.endIndex
        while !range.isEmpty {
            let middle = range.lowerBound + range.count / 2
            range = numbers[middle] < number ? middle + 1..<range.upperBound : range.lowerBound..<middle
        }
        return range.lowerBound
    }
}

extension OrderedNumbers: RandomAccessCollection {
    package var startIndex: Int { numbers.startIndex }
    package var endIndex: Int { numbers.endIndex }
    package subscript(position: Int) -> Int { numbers[position] }
}
