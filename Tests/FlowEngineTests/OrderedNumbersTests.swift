import FlowEngine
import FlowTestKit
import Testing

@Suite("Numbers in order")
struct OrderedNumbersTests {
    @Test func `are those that were put in and not taken out, each once, the lowest first`() {
        var random = SeededRandom(seed: 7)
        var numbers = OrderedNumbers()
        var known: Set<Int> = []
        for _ in 0..<4_000 {
            let number = random.int(0...99)
            if random.chance(0.5) {
                numbers.insert(number)
                known.insert(number)
            } else {
                numbers.remove(number)
                known.remove(number)
            }
            #expect(numbers.elementsEqual(known.sorted()))
        }
    }
}
