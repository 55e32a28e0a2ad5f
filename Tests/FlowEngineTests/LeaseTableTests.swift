import FlowEngine
import FlowModel
import FlowTestKit
import Foundation
import Testing

@Suite("Who has which lock, and who is next", .timeLimit(.minutes(10)))
struct LeaseTableTests {
    private var table = LeaseTable()
    private var now = Instant(milliseconds: 1_000_000)

    private func id(_ run: UInt8, _ path: String) -> ClaimRow.ID {
        ClaimRow.ID(run: RunID(at: Instant(milliseconds: 0), random: [UInt8](repeating: run, count: 10)), step: StepPath(path))
    }

    private mutating func ask(_ run: UInt8, at path: String = "s", priority: Int = 5, _ demands: Demand...) {
        now = now + 1
        table.set(ClaimRow(id: id(run, path), flow: "f", priority: priority, demands: demands, since: now))
    }

    /// Hands out all turns; gives the runs that had them, in order.
    private mutating func grants() -> [UInt8] {
        var runs: [UInt8] = []
        while let id = table.next(at: now) {
            guard var row = table.rows[id] else { break }
            row.grantedAt = now
            table.set(row)
            runs.append(UInt8(id.run.text.suffix(2), radix: 16) ?? 0)
        }
        return runs
    }

    private mutating func expect(grants expected: [UInt8], at place: Testing.SourceLocation = #_sourceLocation) {
        let found = grants()
        #expect(found == expected, sourceLocation: place)
    }

    private mutating func end(_ run: UInt8, _ path: String = "s") { table.remove(id(run, path)) }

    private static let db = Demand(name: "db", kind: .exclusive)
    private static let readDB = Demand(name: "db", kind: .shared)
    private static let net = Demand(name: "net", kind: .exclusive)
    private static func slots(_ weight: Int, of count: Int = 10) -> Demand { Demand(name: "api", kind: .slots(weight: weight, of: count)) }

    @Test mutating func `one has a lock alone, and the next in line has it when it is free`() {
        for run in 1...3 { ask(UInt8(run), Self.db) }
        expect(grants: [1])
        #expect(table.obstacles(of: id(3, "s")).holders.map(\.id) == [id(1, "s")])
        #expect(table.obstacles(of: id(3, "s")).before == 1)
        end(1)
        expect(grants: [2])
    }

    @Test mutating func `readers go together, a writer alone, and no reader overtakes a writer who asked before`() {
        ask(1, Self.readDB)
        ask(2, Self.readDB)
        ask(3, Self.db)
        ask(4, Self.readDB)
        expect(grants: [1, 2])
        end(1)
        expect(grants: [])
        end(2)
        expect(grants: [3])
        end(3)
        expect(grants: [4])
    }

    @Test mutating func `many small ones never keep a big one waiting for ever`() {
        for run in 1...5 { ask(UInt8(run), Self.slots(2)) }
        expect(grants: [1, 2, 3, 4, 5])
        ask(6, Self.slots(10))
        for run in 7...9 { ask(UInt8(run), Self.slots(1)) }
        end(1)
        // There is room for the small ones, and it is not theirs.
        expect(grants: [])
        for run in 2...5 { end(UInt8(run)) }
        expect(grants: [6])
        end(6)
        expect(grants: [7, 8, 9])
    }

    @Test mutating func `several are had together or not at all`() {
        ask(1, Self.net)
        ask(2, Self.db, Self.net)
        ask(3, Self.db)
        expect(grants: [1])
        #expect(table.holders(of: "lock:db").isEmpty)
        end(1)
        expect(grants: [2])
        end(2)
        expect(grants: [3])
    }

    @Test mutating func `the urgent go first, and who has waited long enough goes before them`() {
        ask(1, Self.db)
        expect(grants: [1])
        ask(2, priority: 0, Self.db)
        ask(3, priority: 9, Self.db)
        now = now + 9 * Limits.agingSeconds
        ask(4, priority: 9, Self.db)
        var order: [UInt8] = [1]
        for _ in 0..<3 {
            end(order[order.count - 1])
            order += grants()
        }
        #expect(order == [1, 3, 2, 4])
    }

    @Test mutating func `a rate allows so many starts in any stretch of time, and says when the next one is`() {
        let rate = Demand(name: "r", kind: .rate(count: 2, seconds: 60))
        for run in 1...3 { ask(UInt8(run), rate) }
        expect(grants: [1, 2])
        for run in [1, 2] { end(UInt8(run)) }
        expect(grants: [])
        #expect(table.nextMoment(at: now) == now + 60)
        // A table that was made anew knows it, too.
        var later = LeaseTable(rows: Array(table.rows.values), rates: table.changedRates, now: now)
        let (early, due) = (later.next(at: now + 59), later.next(at: now + 60))
        #expect(early == nil)
        #expect(due == id(3, "s"))
        now = now + 60
        expect(grants: [3])
    }

    /// Also when the jump is seen in a transaction that is not written.
    @Test(arguments: [-7_200, 7_200], [false, true]) mutating func `a rate counts seconds that have passed, wherever the clock is set`(
        jump: Double, isRolledBack: Bool
    ) {
        let rate = Demand(name: "r", kind: .rate(count: 2, seconds: 60))
        for run in 1...4 { ask(UInt8(run), rate) }
        expect(grants: [1, 2])
        for run in [1, 2] { end(UInt8(run)) }
        expect(grants: [])
        table.commit()
        now = now + (20 + jump)
        table.clockWasSet(by: Int64(jump * 1_000))
        if isRolledBack { table.rollBack() }
        #expect(table.nextMoment(at: now) == now + 40)
        now = now + 39
        expect(grants: [])
        now = now + 1
        expect(grants: [3, 4])
    }

    @Test mutating func `nobody waits for one who waits for him: whoever closes the circle is refused`() {
        ask(1, at: "run:", Self.db)
        ask(2, at: "run:", Self.net)
        expect(grants: [1, 2])
        ask(1, at: "inner", Self.net)
        #expect(table.deadlock(of: id(1, "inner")) == nil)
        ask(2, at: "inner", Self.db)
        #expect(table.deadlock(of: id(2, "inner"))?.map(\.id) == [id(1, "run:")])
        // One that waits for something else is not in the circle.
        ask(3, at: "s", Self.db)
        #expect(table.deadlock(of: id(3, "s")) == nil)
    }

    @Test mutating func `slots that others will give back are waited for, even when a circle has some of them`() {
        ask(1, at: "run:", Self.db)
        ask(2, at: "run:", Self.slots(5))
        ask(3, at: "s", Self.slots(5))
        expect(grants: [2, 3, 1])
        ask(2, at: "inner", Self.db)
        ask(1, at: "inner", Self.slots(2))
        // Five come back when run 3 ends; six would never be free.
        #expect(table.deadlock(of: id(1, "inner")) == nil)
        end(1, "inner")
        ask(1, at: "inner", Self.slots(6))
        #expect(table.deadlock(of: id(1, "inner")) != nil)
    }

    @Test mutating func `who holds something already goes first, so that others need not wait for both`() {
        ask(1, at: "run:", Self.db)
        ask(2, at: "s", Self.net)
        ask(3, at: "s", Self.net)
        expect(grants: [1, 2])
        ask(1, at: "inner", Self.net)
        end(2)
        expect(grants: [1])
    }

    /// The run `run`, called by the step `inner` of run `caller`.
    private mutating func ask(_ run: UInt8, at path: String = "run:", calledBy caller: UInt8, _ demands: Demand...) {
        now = now + 1
        table.set(
            ClaimRow(id: id(run, path), flow: "f", priority: 5, demands: demands, since: now, callers: [id(caller, "inner")]))
    }

    @Test mutating func `what a caller has, the runs that it calls have too, one after the other`() {
        ask(1, at: "run:", Self.db)
        expect(grants: [1])
        ask(9, Self.db)
        ask(2, calledBy: 1, Self.db)
        ask(3, calledBy: 1, Self.db)
        expect(grants: [2])
        #expect(table.lender(of: id(2, "run:"), key: "lock:db") == id(1, "run:"))
        #expect(table.obstacles(of: id(3, "run:")).holders.map(\.id) == [id(2, "run:")], "its caller is not in the way")
        end(2, "run:")
        expect(grants: [3])
        end(3, "run:")
        expect(grants: [])
        end(1, "run:")
        expect(grants: [9])
    }

    @Test mutating func `slots of a caller are those of the runs that it calls, and only what they need more is taken from others`() {
        ask(1, at: "run:", Self.slots(4))
        ask(9, Self.slots(4))
        expect(grants: [1, 9])
        ask(2, calledBy: 1, Self.slots(3))
        expect(grants: [2])
        ask(3, calledBy: 1, Self.slots(3))
        expect(grants: [3])
        // Six of their own and four of another: there is no slot left.
        ask(8, Self.slots(1))
        expect(grants: [])
        end(3, "run:")
        expect(grants: [8])
    }

    @Test mutating func `who shares something cannot have it alone in a run that it calls`() {
        ask(1, at: "run:", Self.readDB)
        expect(grants: [1])
        ask(2, calledBy: 1, Self.db)
        #expect(table.deadlock(of: id(2, "run:"))?.map(\.id) == [id(1, "run:")])
        end(2, "run:")
        ask(3, calledBy: 1, Self.readDB)
        #expect(table.deadlock(of: id(3, "run:")) == nil)
        expect(grants: [3])
    }

    @Test mutating func `callers that wait for one another through the runs that they call are found`() {
        ask(1, at: "run:", Self.db)
        ask(2, at: "run:", Self.net)
        expect(grants: [1, 2])
        ask(3, calledBy: 1, Self.net)
        #expect(table.deadlock(of: id(3, "run:")) == nil)
        ask(4, calledBy: 2, Self.db)
        #expect(table.deadlock(of: id(4, "run:"))?.map(\.id) == [id(1, "run:")])
    }

    @Test mutating func `what was not written is as if it had not been`() {
        ask(1, Self.db)
        expect(grants: [1])
        table.commit()
        let before = table.rows
        end(1)
        ask(2, Self.db, Demand(name: "r", kind: .rate(count: 1, seconds: 60)))
        expect(grants: [2])
        table.rollBack()
        #expect(table.rows == before)
        #expect(table.changedRates.isEmpty)
        ask(3, Self.db)
        expect(grants: [])
        end(1)
        expect(grants: [3])
    }

    @Test func `a path encloses what lies within it, and nothing else`() {
        let pairs = [
            ("run:", "a", true), ("run:", "run:", false), ("deploy", "deploy[web-1]", true), ("deploy", "deploy[web-1]/switch", true),
            ("deploy[web-1]", "deploy[web-1]/switch", true), ("deploy[web-1]", "deploy[web-1", false), ("deploy", "deploy-2", false),
            ("deploy[web-1]/undo:", "deploy[web-1]/undo:back", true), ("deploy[web-1]", "deploy[web-10]/switch", false),
        ]
        for (outer, inner, isInside) in pairs { #expect(StepPath(outer).encloses(StepPath(inner)) == isInside, "\(outer) \(inner)") }
    }
}
