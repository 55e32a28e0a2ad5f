package import FlowEngine
internal import FlowModel
internal import GRDB

/// What tells the key that the secrets of this database are sealed with. It is in the database, so that a backup brings it along.
extension SQLiteStore {
    /// A known word, sealed; nil in a database that has never had a key.
    package func keyCheck() throws(StoreError) -> String? {
        try reading { try String.fetchOne($0, sql: "SELECT sealed FROM key_check") }
    }

    package func setKeyCheck(_ sealed: String) throws(StoreError) {
        try transaction { try $0.execute(sql: "INSERT OR REPLACE INTO key_check VALUES (1, ?)", arguments: [sealed]) }
    }

    /// One of the sealed values, as base64: a hook's secret, or an input of a run. nil when there is none.
    package func sealedSample() throws(StoreError) -> String? {
        try reading { database in
            if let secret = try String.fetchOne(database, sql: "SELECT secret FROM hook LIMIT 1") { return secret }
            for (table, column) in [("run", "inputs"), ("schedule_revision", "spec")] {
                let sql = "SELECT \(column) FROM \(table) WHERE instr(\(column), ?) LIMIT 1"
                guard let text = try String.fetchOne(database, sql: sql, arguments: ["\(SealedText.open)"]) else { continue }
                var sample: String?
                _ = SealedText.replacing(in: text) { base64 in
                    sample = sample ?? base64
                    return ""
                }
                return sample
            }
            return nil
        }
    }
}
