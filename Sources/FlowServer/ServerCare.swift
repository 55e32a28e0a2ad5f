import CFlowShims
import FlowAPI
import FlowCrypto
import FlowEngine
import FlowLoading
import FlowModel
import FlowStoreSQLite
import FlowWire
import Glibc
import NIOCore
import Workers

/// What `doctor`, `backup` and the audit list are answered with.
struct ServerCare: Caretaker {
    /// Findings of one kind that are listed.
    private static let listed = 20
    /// Entries whose detail is a schedule or a hook as somebody wrote it.
    private static let verbsOfSpecs: Set<String> = ["schedule.put", "hook.put"]

    let store: SQLiteStore
    let engine: Engine
    let home: Home
    let hands: Hands
    /// What others have found.
    let more: [@Sendable () async throws -> [Wire.Finding]]
    private let audits: Audit
    private let inputs: StoredInputs
    private let numbers: ServerFigures
    private let now: @Sendable () -> Instant

    init(
        store: SQLiteStore, engine: Engine, home: Home, hands: Hands, inputs: StoredInputs, now: @escaping @Sendable () -> Instant,
        more: [@Sendable () async throws -> [Wire.Finding]] = []
    ) {
        self.more = more
        self.now = now
        self.inputs = inputs
        numbers = ServerFigures(store: store, home: home, load: { hands.dispatcher.load }, now: now)
        self.store = store
        self.engine = engine
        self.hands = hands
        self.home = home
        audits = Audit(store)
    }

    // MARK: - Findings

    func findings() async throws -> [Wire.Finding] {
        var findings = [homeFinding(), spaceFinding()] + commitFindings() + roomFindings()
        findings += await look("journal") { try await journalFindings() }
        findings += await look("rows") { try await rowFindings() }
        findings += await look("locks") { try await claimFindings() }
        findings += await look("orphans") { [try await orphanFinding()] }
        let level = Confinement.level()
        findings.append(
            level.isComplete
                ? Wire.Finding(
                    name: "confinement", level: .ok, message: "flow files are evaluated without network, files and processes")
                : Wire.Finding(name: "confinement", level: .warn, message: level.missing.joined(separator: "; ")))
        if let fault = await hands.confinementFault() {
            findings.append(
                hands.refusesWithout
                    ? Wire.Finding(
                        name: "code of flows", level: .fail, message: "local steps do not start, since they cannot be confined: \(fault)",
                        hint: "They are tried again by themselves. It may be the account's limit of processes: ulimit -u")
                    : Wire.Finding(
                        name: "code of flows", level: .warn, message: "code of flows can reach the engine's files: \(fault)",
                        hint: "flowd.yaml: workers: {localUser: ACCOUNT}, with flowd running as root"))
        }
        findings.append(accountFinding())
        for others in more { findings += await look("more") { try await others() } }
        return findings
    }

    func figures() async throws -> [Figure] { try await numbers.figures() }

    /// What cannot be looked at is a finding, too: a damaged database must not keep the rest from being said.
    private func look(_ name: String, _ work: () async throws -> [Wire.Finding]) async -> [Wire.Finding] {
        do {
            return try await work()
        } catch {
            let reason = (error as? FlowError)?.message ?? (error as? StoreError)?.reason ?? "\(error)"
            return [Wire.Finding(name: name, level: .fail, message: "this could not be looked at: \(reason)", hint: repairHint)]
        }
    }

    private var repairHint: String { "stop the engine, then: flowctl repair --home \(home.path)" }

    private func journalFindings() async throws -> [Wire.Finding] {
        let damages = try await store.verify()
        guard !damages.isEmpty else {
            return [Wire.Finding(name: "journal", level: .ok, message: "every run, audit row and blob is as it was written")]
        }
        return damages.map { damage in
            let hint =
                switch damage.mend {
                case .repair: "\(repairHint) makes indexes anew, and says what it can keep"
                case .storeAgain: "the flow that it belongs to stores it again: flowctl flow add FILE, or a new run of the file"
                case .restore: "Keep a copy of \(home.path), then restore a backup."
                }
            return Wire.Finding(name: "journal", level: .fail, message: "\(damage.subject): \(damage.message)", hint: hint)
        }
    }

    private func rowFindings() async throws -> [Wire.Finding] {
        let (compared, found) = try await RowCheck(engine: engine, reader: store).differences()
        guard !found.isEmpty else {
            let runs = compared == 1 ? "run" : "\(compared)\(compared < RowCheck.runs ? "" : " newest") runs"
            return [Wire.Finding(name: "rows", level: .ok, message: "what is shown of the \(runs) is what the journal says")]
        }
        let more = found.count > ServerCare.listed ? " (one of \(found.count))" : ""
        return found.prefix(ServerCare.listed).map { message in
            Wire.Finding(
                name: "rows", level: .fail, message: message + more,
                hint: "The journal decides: keep a copy of \(home.path), then restore a backup.")
        }
    }

    private func claimFindings() async throws -> [Wire.Finding] {
        let (compared, found) = try await RowCheck(engine: engine, reader: store).claimDifferences()
        guard !found.isEmpty else {
            return [Wire.Finding(name: "locks", level: .ok, message: "\(compared) claims, each of a run that knows of it")]
        }
        return found.prefix(ServerCare.listed).map { message in
            Wire.Finding(
                name: "locks", level: .fail, message: message,
                hint: "The journal decides: the next thing that happens in the run takes away what it does not claim.")
        }
    }

    /// What is left over of runs that are gone, or of a crash before a commit. It does no harm but take room.
    private func orphanFinding() async throws -> Wire.Finding {
        let outputs = try await hands.outputs(unknownTo: store)
        let blobs = try await store.unnamedBlobFiles()
        guard outputs > 0 || blobs > 0 else {
            return Wire.Finding(name: "orphans", level: .ok, message: "every file of outputs and blobs belongs to something")
        }
        return Wire.Finding(
            name: "orphans", level: .warn, message: "files that nothing names: outputs of \(outputs) runs that are gone, \(blobs) blobs",
            hint: "They only take room. Outputs go with the next retention sweep.")
    }

    private func roomFindings() -> [Wire.Finding] {
        let faults = hands.dispatcher.roomFaults
        guard let first = faults.first else { return [] }
        let what = faults.count == 1 ? "a step waits" : "\(faults.count) steps wait, the first"
        return [
            Wire.Finding(
                name: "output", level: .fail,
                message: "\(what) for room to keep its output: '\(first.id.step)' of run \(first.id.run): \(first.reason)",
                hint: "df -h \(home.path): with room they go on by themselves, and nothing is lost")
        ]
    }

    private func homeFinding() -> Wire.Finding {
        var facts = flow_file_facts()
        guard flow_facts_of_path(home.path, &facts) == 0 else {
            return Wire.Finding(name: "home", level: .fail, message: "\(home.path) cannot be looked at")
        }
        let isPrivate = facts.mode & 0o077 == 0
        return Wire.Finding(
            name: "home", level: isPrivate ? .ok : .warn,
            message: isPrivate ? "\(home.path) is its owner's alone" : "others than its owner can enter \(home.path)",
            hint: isPrivate ? nil : "chmod 700 \(home.path), unless a group is meant to reach the socket")
    }

    private func spaceFinding() -> Wire.Finding {
        let free = flow_free_bytes(home.path)
        guard free >= 0 else { return Wire.Finding(name: "space", level: .warn, message: "free space cannot be told") }
        let mebibytes = free >> 20
        return Wire.Finding(
            name: "space", level: mebibytes < 100 ? .fail : mebibytes < 1_024 ? .warn : .ok,
            message: "\(mebibytes) MiB are free for \(home.path)",
            hint: mebibytes < 1_024 ? "flowd.yaml: retention: {days: N} keeps less" : nil)
    }

    private func commitFindings() -> [Wire.Finding] {
        engine.commitRefusal(at: now()).map { refusal in
            [
                Wire.Finding(
                    name: "commits", level: .fail, message: "since \(refusal.since) nothing can be committed: \(refusal.message)",
                    hint: "df -h \(home.path); with room again the engine goes on by itself")
            ]
        } ?? []
    }

    private func accountFinding() -> Wire.Finding {
        if geteuid() != 0 { return Wire.Finding(name: "account", level: .ok, message: "the engine runs as user \(geteuid())") }
        if let account = hands.localAccount {
            return Wire.Finding(name: "account", level: .ok, message: "the engine runs as root, and local steps as user \(account)")
        }
        return Wire.Finding(
            name: "account", level: .warn, message: "the engine runs as root, and local steps with it",
            hint: "Run flowd under an account of its own, as lib/systemd/system/flowd.service does, or set workers: {localUser: ACCOUNT}.")
    }

    // MARK: - Backup and audit

    func backup() async throws -> Backup {
        let path = store.pathForBackup(named: SystemRandom.bytes(8).base64URL)
        try await store.backup(to: path, now: Wall.now())
        do {
            let file = try await onThreadPool { try BackupFile(path: path) }
            return Backup(bytes: file.bytes, next: { try await onThreadPool { try file.next() } }, finish: { file.remove() })
        } catch {
            unlink(path)
            throw error
        }
    }

    func note(_ verb: String, subject: String, detail: JSON, by actor: Actor) async throws {
        try await audits.append(AuditEntry(at: Wall.now(), actor: actor.user, verb: verb, subject: subject, detail: detail))
    }

    func audit(before sequence: Int?, limit: Int) async throws -> [Wire.AuditEntry] {
        var entries: [Wire.AuditEntry] = []
        for row in try await audits.rows(before: sequence, limit: limit) {
            let entry = row.entry
            var detail = entry.detail == [:] ? nil : SealedText.redacted(entry.detail)
            // Nothing in the trail is ever rewritten: what stands in it in clear, of a time when it was not sealed, is shown to nobody.
            if let found = detail, ServerCare.verbsOfSpecs.contains(entry.verb) { detail = await inputs.shown(found) }
            entries.append(
                Wire.AuditEntry(sequence: row.number, at: entry.at, actor: entry.actor, verb: entry.verb, subject: entry.subject, detail: detail))
        }
        return entries
    }
}

/// A finished copy, read once from its beginning, by one task at a time.
private final class BackupFile: @unchecked Sendable {
    // `next` and `remove` follow one another: the answer's writer is one task.
    private static let pieceBytes = 256 << 10
    private let path: String
    private var file: CInt
    let bytes: Int

    init(path: String) throws {
        self.path = path
        file = open(path, O_RDONLY | O_CLOEXEC)
        var facts = flow_file_facts()
        guard file >= 0, flow_facts_of_descriptor(file, &facts) == 0 else {
            if file >= 0 { close(file) }
            throw FlowError(.storage, subject: path, "The backup was not read: \(String(cString: strerror(errno))).")
        }
        bytes = Int(facts.size)
    }

    func next() throws -> ByteBuffer? {
        var buffer = [UInt8](repeating: 0, count: BackupFile.pieceBytes)
        let count = read(file, &buffer, buffer.count)
        guard count >= 0 else {
            throw FlowError(.storage, subject: path, "The backup was not read: \(String(cString: strerror(errno))).")
        }
        return count == 0 ? nil : ByteBuffer(bytes: buffer.prefix(count))
    }

    func remove() {
        if file >= 0 { close(file) }
        file = -1
        unlink(path)
    }

    deinit { remove() }
}
