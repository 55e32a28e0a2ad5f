import FlowEngine
import FlowModel
import FlowStoreSQLite
import Foundation
import Testing

@Suite("Crashes of the writing process", .timeLimit(.minutes(10)))
struct CrashTests {
    /// A child commits one batch after the other, and notes in a file beside the database each one that it was told is kept.
    /// It kills itself with SIGKILL at a random moment, from another thread. What it noted must be there, each batch whole.
    @Test(arguments: 1...8)
    func `what was acknowledged is there after kill -9, and nothing by halves`(_ round: Int) async throws {
        let scratch = try Scratch()
        await #expect(processExitsWith: .signal(SIGKILL)) { [path = scratch.path as String, round = round as Int] in
            let store = try SQLiteStore.open(in: path, now: start)
            let acknowledged = open(path + "/acknowledged", O_WRONLY | O_CREAT | O_APPEND, 0o600)
            Thread.detachNewThread {
                usleep(useconds_t(round * 7_000))
                kill(getpid(), SIGKILL)
            }
            var chain = Chain(epoch: try store.beginEpoch())
            while true {
                try store.commit(chain.batch([runID(1), runID(2), runID(3)]))
                _ = write(acknowledged, [1], 1)
            }
        }
        let acknowledged = try Data(contentsOf: URL(fileURLWithPath: scratch.path + "/acknowledged")).count
        let store = try scratch.open()
        let counts = try (1...3).map { try store.journal(of: runID($0))?.count ?? 0 }
        #expect(counts[0] == counts[1] && counts[1] == counts[2])
        #expect(counts[0] == acknowledged || counts[0] == acknowledged + 1)
        #expect(try store.beginEpoch() == 2)
        #expect(try await store.verify() == [])
        try store.close()
    }

    /// The log as a power cut leaves it: any prefix of what was not yet synchronised.
    @Test func `a log cut anywhere opens as a prefix of the commits`() async throws {
        let (scratch, torn) = (try Scratch(), try Scratch())
        let store = try scratch.open()
        var chain = Chain(epoch: try store.beginEpoch())
        for _ in 0..<12 { try store.commit(chain.batch([runID(1), runID(2)])) }
        let database = try Data(contentsOf: URL(fileURLWithPath: scratch.database))
        let log = try Data(contentsOf: URL(fileURLWithPath: scratch.database + "-wal"))
        try store.close()
        var before = 0
        for length in stride(from: 0, through: log.count, by: 1_536) {
            try database.write(to: URL(fileURLWithPath: torn.database))
            try log.prefix(length).write(to: URL(fileURLWithPath: torn.database + "-wal"))
            let store = try torn.open()
            let counts = try (1...2).map { try store.journal(of: runID($0))?.count ?? 0 }
            #expect(counts[0] == counts[1] && counts[0] >= before, "cut at \(length)")
            before = counts[0]
            #expect(try await store.verify() == [], "cut at \(length)")
            try store.close()
        }
        #expect(before >= 11)
    }
}
