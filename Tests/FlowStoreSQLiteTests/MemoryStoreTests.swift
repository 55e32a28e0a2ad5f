import FlowEngine
import FlowModel
import FlowTestKit
import Testing

@Suite("Memory store", .timeLimit(.minutes(10)))
struct MemoryStoreTests {
    @Test func `a commit that is told to fail before it writes leaves nothing, and the store usable`() throws {
        let store = MemoryStore()
        var chain = Chain(epoch: try store.beginEpoch())
        store.fail(commit: 1, .before(.refused("no room")))
        let batch = chain.batch([runID(1)])
        #expect(throws: StoreError.refused("no room")) { try store.commit(batch) }
        #expect(try store.lastSequence() == 0)
        try store.commit(batch)
        #expect(try store.lastSequence() == 1)
    }

    @Test func `a commit that fails after it wrote is found after a crash, and nothing can be written before`() throws {
        let store = MemoryStore()
        var chain = Chain(epoch: try store.beginEpoch())
        store.fail(commit: 2, .after(.fatal("fsync")))
        try store.commit(chain.batch([runID(1)]))
        #expect(throws: StoreError.fatal("fsync")) { try store.commit(chain.batch([runID(1)])) }
        #expect(throws: StoreError.fatal("fsync")) { try store.commit(chain.batch([runID(1)])) }
        let later = store.afterCrash()
        #expect(try later.journal(of: runID(1))?.map(\.sequence) == [1, 2])
        #expect(try later.beginEpoch() == 2)
    }
}
