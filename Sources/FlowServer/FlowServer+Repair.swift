package import FlowModel
import FlowStoreSQLite

extension FlowServer {
    /// What a repair came to, in sentences.
    package struct Repaired: Hashable, Sendable {
        package var kept: [String]
        package var lost: [String]
        /// Where everything is as it was; nil when nothing had to be done.
        package var copy: String?
    }

    /// Mends the database of a home that no engine has open, as far as it can be mended. See `Repair`.
    ///
    /// - Parameter forgettingSecrets: gives up the secrets that a lost key has sealed, and begins with a new one.
    package static func repair(home: String, forgettingSecrets: Bool) async throws(FlowError) -> Repaired {
        do {
            return try await onThreadPool {
                let found = try Repair.run(in: home, now: Wall.now())
                var report = Repaired(kept: found.kept, lost: found.lost, copy: found.copy)
                guard forgettingSecrets else { return report }
                let store = try SQLiteStore.open(in: home, now: Wall.now())
                do {
                    let old = try Vault.renew(home: home, check: Vault.Check(store), now: Wall.now())
                    report.kept.append("secret.key is new" + (old.map { "; the old one is \($0)" } ?? ""))
                    report.lost.append("secrets that the old key has sealed: runs, schedules and hooks that have any need them anew")
                } catch {
                    try store.close()
                    throw error
                }
                try store.close()
                return report
            }
        } catch let error as FlowError {
            throw error
        } catch {
            throw FlowError(.storage, subject: home, "The home \(home) was not repaired: \(error).", hint: "df -h \(home)")
        }
    }
}

extension Vault.Check {
    /// What is in the store's database.
    init(_ store: SQLiteStore) {
        self.init(canary: { try store.keyCheck() }, keep: { try store.setKeyCheck($0) }, sample: { try store.sealedSample() })
    }
}
