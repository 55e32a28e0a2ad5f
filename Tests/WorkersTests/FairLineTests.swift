import FlowModel
import Testing
import Workers

@Suite("Whose turn it is", .timeLimit(.minutes(10)))
struct FairLineTests {
    private final class Work {
        let name: String
        init(_ name: String) { self.name = name }
    }

    private var line = FairLine<Work>()

    private mutating func add(_ name: String, _ flow: String = "f", _ labels: [String: String] = [:], priority: Int = 5, at now: Double = 0) {
        line.add(Work(name), flow: flow, labels: labels, priority: priority, now: now)
    }

    private mutating func drain(at now: Double = 1) -> [String] {
        var names: [String] = []
        while let work = line.next(now: now) { names.append(work.name) }
        return names
    }

    private mutating func expect(_ expected: [String], now: Double = 1, at place: Testing.SourceLocation = #_sourceLocation) {
        let found = drain(at: now)
        #expect(found == expected, sourceLocation: place)
    }

    @Test mutating func `flows take turns, whatever many one of them has`() {
        for number in 1...4 { add("a\(number)", "a") }
        add("b1", "b")
        add("c1", "c")
        add("c2", "c")
        expect(["a1", "b1", "c1", "a2", "c2", "a3", "a4"])
        #expect(line.isEmpty)
    }

    @Test mutating func `within a flow those with different labels take turns`() {
        for number in 1...3 { add("web\(number)", "f", ["team": "web"]) }
        add("db1", "f", ["team": "db"])
        expect(["web1", "db1", "web2", "web3"])
    }

    @Test mutating func `the urgent go first, and whoever has waited long enough goes before them`() {
        add("old", "a", priority: 3, at: 0)
        add("urgent", "b", priority: 9, at: 0)
        let first = line.next(now: 1)?.name
        #expect(first == "urgent")
        let later = 6 * Limits.agingSeconds + 10
        add("late", "b", priority: 9, at: later - 5)
        expect(["old", "late"], now: later)
    }

    @Test mutating func `what is withdrawn has no turn`() {
        let work = Work("gone")
        add("a1", "a")
        line.add(work, flow: "b", labels: [:], priority: 5, now: 0)
        add("c1", "c")
        let wasThere = line.withdraw(work, flow: "b", labels: [:], priority: 5)
        let isThere = line.withdraw(work, flow: "b", labels: [:], priority: 5)
        #expect(wasThere && !isThere)
        expect(["a1", "c1"])
        for number in 1...600 { add("n\(number)", "f\(number % 3)") }
        #expect(line.count == 600)
        let drained = drain()
        #expect(Set(drained).count == 600)
    }
}
