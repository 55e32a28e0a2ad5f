import FlowEngine
import FlowModel
import FlowStoreSQLite
import FlowTestKit
import Foundation
import Testing

/// Every crash of a story that uses every transition, see `docs/internals/testing.md`.
@Suite("Power cuts", .serialized, .timeLimit(.minutes(180)))
struct PowerCutTests {
    /// `FLOW_POWER_CUTS=all`: `make crash`.
    private static let isAll = ProcessInfo.processInfo.environment["FLOW_POWER_CUTS"] == "all"
    private static let seed = ProcessInfo.processInfo.environment["FLOW_SEED"].flatMap { UInt64($0) } ?? UInt64.random(in: 1...1_000_000)

    /// Plays the story on a store whose files are recorded.
    private func record(
        weakened: Bool = false, plant: WatchedStore.Plant? = nil
    ) async throws -> (tape: Tape, contents: [Digest], folder: CrashFolder) {
        let folder = try CrashFolder()
        let recorder = try Recorder(folder.path, weakened: weakened)
        // Checkpoints so often that the log begins anew many times.
        func open() throws -> SQLiteStore { try SQLiteStore.open(in: folder.path, socket: nil, now: start, checkpointPages: 60) }
        let first = try WatchedStore(try open(), recorder, plant: plant)
        let last = try await EveryTransition.play(on: first) { store in
            guard let store = store as? WatchedStore else { throw StoreConformance.Failure(description: "another store") }
            try store.store.close()
            return try WatchedStore(try open(), recorder, plant: plant, continuing: store.contents)
        }
        guard let last = last as? WatchedStore else { throw StoreConformance.Failure(description: "another store") }
        try await expectEveryTransition(in: last.store)
        try last.store.close()
        return (recorder.stop(), last.contents.contents, folder)
    }

    @Test func `every crash of a story that uses every transition leaves all that was acknowledged, and nothing by halves`() async throws {
        let (tape, contents, _) = try await record()
        let seed = Self.seed
        var check = try CrashCheck(contents: contents)
        let thoroughness = Tape.Thoroughness(subsets: Self.isAll ? 12 : 3, tears: Self.isAll ? 16 : 4, eachAlone: Self.isAll)
        var recoveries: [CrashState] = []
        var chance = SeededRandom(seed: seed &+ 1)
        try await tape.forEachCrash(thoroughness, seed: seed) { state in
            try await check.take(state)
            if Self.isAll, check.total % 10_000 == 0 { print("L2: until now \(check.total) states, \(check.bad) bad") }
            if chance.chance(Self.isAll ? 0.02 : 0.0008) { recoveries.append(state) }
        }
        for (number, state) in recoveries.enumerated() {
            try await check.takeRecovery(of: state, .init(subsets: 2, tears: 2, eachAlone: false), seed: seed &+ UInt64(number))
            guard Self.isAll, (number + 1) % 100 == 0 else { continue }
            print("L2: until now \(check.total) states, \(check.bad) bad; \(number + 1) of \(recoveries.count) recoveries")
        }
        let counts = CrashState.Kind.allCases.map { "\($0.rawValue) \(check.counts[$0] ?? 0)" }.joined(separator: ", ")
        print(
            """
            L2: \(check.total) states (\(counts), depth two \(check.depthTwo) of \(recoveries.count) recoveries), \(check.bad) bad; \
            \(tape.operations.count) operations, \(contents.count - 1) commits, seed \(seed)
            """)
        #expect(check.bad == 0, "FLOW_SEED=\(seed): \(check.faults.joined(separator: "\n"))")
        #expect(check.total >= 20_000)
        #expect(check.depthTwo >= 1_000)
    }

    // MARK: - The oracle sees

    /// How many bad states a tape gives; not more are looked for than show that they are seen.
    private func bad(_ tape: Tape, _ contents: [Digest], _ name: String) async throws -> Int {
        var check = try CrashCheck(contents: contents)
        try await tape.forEachCrash(.init(subsets: 1, tears: 1, eachAlone: false), seed: 1) { state in
            if check.bad < 20 { try await check.take(state) }
        }
        print("L2, planted: \(name): \(check.bad) of \(check.total) states are bad, such as \(check.faults.last ?? "none")")
        return check.bad
    }

    @Test func `a store whose commits are not synced loses acknowledged ones in a power cut`() async throws {
        let (tape, contents, _) = try await record(weakened: true)
        #expect(try await bad(tape, contents, "synchronous=NORMAL") == 20)
    }

    @Test(arguments: WatchedStore.Plant.allCases)
    func `an acknowledgement before the commit, and a commit in two halves, are seen`(_ plant: WatchedStore.Plant) async throws {
        let (tape, contents, _) = try await record(plant: plant)
        #expect(try await bad(tape, contents, "\(plant)") == 20)
    }

    @Test(arguments: ["journal.db", "journal.db-wal"])
    func `a sync that is left out is seen`(_ file: String) async throws {
        var (tape, contents, _) = try await record()
        tape.operations.removeAll { operation in
            if case .sync = operation.kind { operation.file == file } else { false }
        }
        #expect(try await bad(tape, contents, "no sync of \(file)") == 20)
    }
}

/// The story would prove little if a kind of entry, a command or a kind of record were missing from it: the lists are read from the sources.
func expectEveryTransition(in store: any JournalStore & JournalReader) async throws {
    let census = try await EntryCensus(store)
    let kinds = try entryKinds("Entry") + entryKinds("RolloutEntry").map { "rollout." + $0 } + entryKinds("UndoEntry").map { "undo." + $0 }
    #expect(kinds.count >= 40)
    let missing = kinds.filter { census.kinds[$0] == nil }
    #expect(missing == [], "kinds of entries that the story does not use")
    let verbs = try commandVerbs()
    #expect(verbs.count >= 12)
    #expect(verbs.filter { census.verbs[$0] == nil } == [], "commands that the story does not give")
    let states = try Set(EveryTransition.nominalTimes.compactMap { try store.occurrence($0)?.state })
    #expect(states == Set(OccurrenceRow.State.allCases))
}

private func source(_ path: String) throws -> String {
    let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appending(path: "../../../Sources")
    return try String(contentsOf: root.appending(path: path), encoding: .utf8)
}

/// The cases of an enumeration of entries.
private func entryKinds(_ name: String) throws -> [String] {
    let text = try source("FlowEngine/Machine/\(name).swift")
    let rest = try #require(text.components(separatedBy: "package enum \(name):").last)
    let inner = try #require(rest.components(separatedBy: "\n}").first)
    let body = try #require(inner.components(separatedBy: "\n    package struct").first)
    return body.matches(of: #/(?m)^    case (?<name>[a-zA-Z]+)/#).map { String($0.output.name) }
}

/// The words for all commands.
private func commandVerbs() throws -> [String] {
    let text = try source("FlowModel/Run/StartRequest.swift")
    let body = try #require(text.split(separator: "package var verb: String").last)
    return body.matches(of: #/"(?<verb>[a-z-]+)"/#).map { String($0.output.verb) }
}
