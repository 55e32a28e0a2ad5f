import FlowAPI
import FlowEngine
import FlowModel
import NIOCore
import Synchronization
import Testing

/// Many who follow one run cost what one does.
@Suite("Following a run", .timeLimit(.minutes(1)))
struct RunFeedTests {
    private static let run = RunID(at: Instant(milliseconds: 1), random: [UInt8](repeating: 7, count: 10))

    private func all(of following: ChangeHub.Following, until last: Int) async throws -> String {
        var text = ""
        var sequence = 0
        func drain() async throws {
            while true {
                let page = try await following.feed.page(after: sequence)
                text += String(buffer: page.text)
                if page.last == sequence { return }
                sequence = page.last
            }
        }
        try await drain()
        if sequence >= last { return text }
        for await _ in following.wakes {
            try await drain()
            if sequence >= last { break }
        }
        return text
    }

    @Test func `what has happened is read and encoded once for a hundred followers, and so is what happens`() async throws {
        let reader = RecordsReader(Self.run, records: 150)
        let hub = ChangeHub(meters: Meters())
        let (changes, feed) = AsyncStream.makeStream(of: RunChange.self)
        let followings = try (0..<100).map { try hub.follow(Self.run, by: "p\($0)", reader: reader) }
        try await withThrowingTaskGroup(of: String.self) { group in
            for following in followings { group.addTask { try await all(of: following, until: 150) } }
            let texts = try await group.reduce(into: Set<String>()) { $0.insert($1) }
            #expect(texts.count == 1)
            #expect(texts.first?.matches(of: #/\nid: |^id: /#).count == 150)
        }
        // Two full pages, the rest, and that there is nothing more.
        #expect(reader.reads == 4)

        try await withThrowingTaskGroup(of: String?.self) { group in
            group.addTask {
                await hub.run(changes)
                return nil
            }
            for following in followings { group.addTask { try await all(of: following, until: 151) } }
            reader.add()
            feed.yield(RunChange(run: Self.run, sequence: 151, state: .running, hasMessages: false))
            feed.finish()
            let texts = try await group.reduce(into: Set<String>()) { if let text = $1 { $0.insert(text) } }
            #expect(texts.count == 1)
        }
        // The news, and at most once before and after them that there is nothing more.
        #expect(reader.reads <= 7, "\(reader.reads) reads")
    }

    @Test func `one person has so many streams, and others have theirs`() throws {
        let reader = RecordsReader(Self.run, records: 1)
        let hub = ChangeHub(meters: Meters())
        var open = try (0..<APILimits.streamsOfPerson).map { _ in try hub.follow(Self.run, by: "ann", reader: reader) }
        let error = #expect(throws: FlowError.self) { try hub.follow(Self.run, by: "ann", reader: reader) }
        #expect(error?.code == .overloaded)
        #expect(error?.message.contains("ann has \(APILimits.streamsOfPerson) open") == true)
        let other = try hub.follow(Self.run, by: "bob", reader: reader)
        open.removeLast()
        open.append(try hub.follow(Self.run, by: "ann", reader: reader))
        #expect(hub.count == APILimits.streamsOfPerson + 1)
        withExtendedLifetime((open, other)) {}
    }
}

/// The journal of one run that goes on, and how often it is read.
private final class RecordsReader: JournalReader {
    private let id: RunID
    private let state: Mutex<(records: Int, reads: Int)>

    init(_ id: RunID, records: Int) {
        self.id = id
        state = Mutex((records, 0))
    }

    var reads: Int { state.withLock { $0.reads } }
    func add() { state.withLock { $0.records += 1 } }

    private static let nothing = Digest(bytes: [UInt8](repeating: 0, count: 32))

    func run(_ id: RunID) async throws -> RunRow? {
        RunRow(
            id: id, flow: "f", revision: Self.nothing, state: .running, inputs: [:], actor: "a", person: "a", createdAt: Instant(milliseconds: 0),
            isLive: true, head: JournalHead(sequence: state.withLock { $0.records }, hash: Self.nothing))
    }
    func run(_ id: RunID, inputsUpTo bytes: Int) async throws -> RunRow? { try await run(id) }
    func journal(of run: RunID, after sequence: Int, limit: Int) async throws -> [JournalRecord] {
        let last = state.withLock { state in
            state.reads += 1
            return state.records
        }
        guard sequence < last else { return [] }
        return (sequence + 1...min(last, sequence + limit)).map { number in
            JournalRecord(
                sequence: number, run: run, at: Instant(milliseconds: Int64(number)), hash: Self.nothing,
                bytes: Entry.encode([.paused(true)], spill: { _ in Self.nothing }))
        }
    }
    func runIDs(startingWith prefix: String) async throws -> [RunID] { [] }
    func runs(_ query: RunQuery) async throws -> [RunRow] { [] }
    func steps(of run: RunID, kinds: [String], after index: Int?, limit: Int) async throws -> [StepRow] { [] }
    func step(of run: RunID, at path: StepPath) async throws -> StepRow? { nil }
    func targets(
        of run: RunID, step: Int, outcomes: Set<TargetOutcome>, after position: Int?, limit: Int
    ) async throws -> [TargetRow] { [] }
    func olderAttempts(of run: RunID, at path: StepPath, limit: Int) async throws -> [AttemptRow] { [] }
    func approvals(
        state: ApprovalRow.State?, run: RunID?, after place: ApprovalRow.Place?, limit: Int
    ) async throws -> [ApprovalRow] { [] }
    func approval(_ id: ApprovalRow.ID) async throws -> ApprovalRow? { nil }
    func runsAtGates(after run: RunID?, limit: Int) async throws -> [RunID] { [] }
    func runsAwaitingVotes(after run: RunID?, limit: Int) async throws -> [RunID] { [] }
    func claims(after id: ClaimRow.ID?, limit: Int) async throws -> [ClaimRow] { [] }
    func blob(_ digest: Digest) async throws -> [UInt8]? { nil }
}
