import FlowEngine
import FlowModel
import FlowStoreSQLite
import FlowTestKit
import Foundation

/// Opens what a crash left, and says what is wrong with it.
///
/// Of every state: it opens, SQLite's own check and every hash chain hold, and the whole database says what it said after one commit: none
/// that was acknowledged is missing, and there is no half of another. Of every content that is met for the first time: each run's rows are
/// what its journal folds to, and an engine takes over and brings every run to its end.
struct CrashCheck {
    /// Known faults, at most.
    private static let shown = 5

    private let folder: CrashFolder
    private(set) var contents: [Digest]
    private var soundContents: Set<Digest> = []
    private(set) var counts: [CrashState.Kind: Int] = [:]
    private(set) var depthTwo = 0
    private(set) var faults: [String] = []
    private(set) var bad = 0

    init(contents: [Digest]) throws {
        folder = try CrashFolder()
        self.contents = contents
    }

    var total: Int { counts.values.reduce(0, +) }

    mutating func take(_ state: CrashState, isDepthTwo: Bool = false) async throws {
        counts[state.kind, default: 0] += 1
        if isDepthTwo { depthTwo += 1 }
        try folder.lay(out: state)
        do {
            try await check(state)
        } catch {
            note("\(isDepthTwo ? "depth two, " : "")\(state.kind.rawValue) after operation \(state.cut), commits \(state.commits): \(error)")
        }
    }

    private mutating func note(_ fault: String) {
        bad += 1
        if faults.count < Self.shown { faults.append(fault) }
    }

    private mutating func check(_ state: CrashState) async throws {
        let store = try SQLiteStore.open(in: folder.path, now: start)
        defer { try? store.close() }  // What it could not write is no concern of this check.
        try StoreConformance.equal(try await store.verify(), [], "findings")
        let content = try DatabaseContent.digest(of: folder.path + "/journal.db")
        guard state.commits.contains(where: { $0 < contents.count && contents[$0] == content }) else {
            let found = contents.firstIndex(of: content).map { "what it said after commit \($0)" } ?? "what it never said"
            throw StoreConformance.Failure(description: "the database says \(found)")
        }
        guard !soundContents.contains(content) else { return }
        try await goOn(store)
        soundContents.insert(content)
    }

    private func goOn(_ store: SQLiteStore) async throws {
        let runs = try await store.runs(RunQuery(limit: 100)).map(\.id)
        // No timer is due yet: once it has taken over, nothing moves until it is told.
        let driver = try EngineDriver(store, ManualWorld(seed: 7, now: start))
        do {
            try await driver.settle()
            for run in runs { try await driver.checkProjection(of: run, store) }
            try await driver.finish(runs, by: EveryTransition.alice)
            for run in runs { try await driver.checkProjection(of: run, store) }
        } catch {
            await driver.engine.shutdown()
            throw error
        }
        await driver.engine.shutdown()
    }

    // MARK: - Crashes of the recovery

    /// Lets an engine take over what a crash left, records what that writes, and takes every crash of it.
    mutating func takeRecovery(of state: CrashState, _ thoroughness: Tape.Thoroughness, seed: UInt64) async throws {
        let tape: Tape
        let contents: [Digest]
        do {
            (tape, contents) = try await recovery(of: state)
        } catch {
            return note("recovery from \(state.kind.rawValue) after operation \(state.cut): \(error)")
        }
        let outer = self.contents
        self.contents = contents
        var states: [CrashState] = []
        try await tape.forEachCrash(thoroughness, seed: seed) { states.append($0) }
        for state in states { try await take(state, isDepthTwo: true) }
        self.contents = outer
    }

    private func recovery(of state: CrashState) async throws -> (Tape, [Digest]) {
        try folder.lay(out: state)
        let recorder = try Recorder(folder.path)
        let store = try WatchedStore(SQLiteStore.open(in: folder.path, socket: nil, now: start, checkpointPages: 8), recorder)
        let driver = try EngineDriver(store, ManualWorld(seed: 9, now: Instant(milliseconds: start.milliseconds + 86_400_000)))
        try await driver.settle()
        try await driver.settle()
        await driver.engine.shutdown()
        try store.store.close()
        return (recorder.stop(), store.contents.contents)
    }
}

/// A directory in memory, where there is one, in which one state after the other is laid out.
final class CrashFolder: Sendable {
    let path: String

    init() throws {
        let root = FileManager.default.isWritableFile(atPath: "/dev/shm") ? "/dev/shm/" : NSTemporaryDirectory()
        path = root + "flow-crash-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func lay(out state: CrashState) throws {
        for name in try FileManager.default.contentsOfDirectory(atPath: path) { try FileManager.default.removeItem(atPath: "\(path)/\(name)") }
        for (name, bytes) in state.files { try write(bytes, name) }
        if let owner = state.surroundings.owner { try write(owner, "owner.lock") }
        for (name, bytes) in state.surroundings.blobs {
            let folder = "\(path)/blobs/\(name.prefix(2))"
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
            try write(bytes, "blobs/" + name)
        }
    }

    /// Only these files.
    func lay(out files: [String: [UInt8]]) throws {
        for name in try FileManager.default.contentsOfDirectory(atPath: path) { try FileManager.default.removeItem(atPath: "\(path)/\(name)") }
        for (name, bytes) in files { try write(bytes, name) }
    }

    private func write(_ bytes: [UInt8], _ name: String) throws {
        guard FileManager.default.createFile(atPath: "\(path)/\(name)", contents: Data(bytes), attributes: [.posixPermissions: 0o600]) else {
            throw StoreConformance.Failure(description: "\(path)/\(name) was not written: \(String(cString: strerror(errno)))")
        }
    }
}
