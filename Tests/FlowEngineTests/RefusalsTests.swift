import FlowEngine
import FlowModel
import Testing

@Suite("What is logged of a store that takes nothing", .timeLimit(.minutes(10)))
struct RefusalsTests {
    private func at(_ seconds: Int) -> Instant { Instant(milliseconds: Int64(seconds) * 1_000) }

    @Test func `the first refusal at once, then one a minute, and the end of them`() throws {
        var refusals = Refusals()
        #expect(refusals.ended(at: at(0)) == nil)
        let lines = (0..<200).compactMap { refusals.note("disk full", at: at($0)) }
        #expect(lines.count == 4)
        #expect(lines.first == "nothing was committed: disk full")
        #expect(lines.last == "nothing was committed, 181 times now: disk full")
        #expect(refusals.ended(at: at(200)) == "the journal is written again, after 200 refusals in 200 s")
        #expect(refusals.ended(at: at(201)) == nil)
        #expect(refusals.note("again", at: at(202)) == "nothing was committed: again")
    }
}
