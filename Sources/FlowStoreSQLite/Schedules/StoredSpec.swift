internal import FlowModel
internal import GRDB

/// What schedules and hooks have in common in the database: a flow and inputs, as JSON.
enum StoredSpec {
    /// What is to be kept of inputs; nil when they are so already.
    typealias Sealing = @Sendable ([String: JSON]) throws -> [String: JSON]?

    /// The flows of the specs in `table` that have inputs.
    static func flowsWithInputs(in table: StaticString, _ database: Database) throws -> Set<String> {
        let query = try Query(
            database, table, #"SELECT DISTINCT json_extract(spec, '$.flow') FROM \#(table) WHERE instr(spec, '"inputs":{"')"#)
        var flows: Set<String> = []
        while try query.next() { flows.insert(try query.text(0)) }
        return flows
    }

    /// The spec with other inputs; nil when it is of another flow, or they are as they are to be.
    static func sealed(_ spec: JSON, of flow: String, _ seal: Sealing) throws -> JSON? {
        guard case .object(var members) = spec, members["flow"] == .string(flow), let inputs = members["inputs"]?.objectValue,
            let sealed = try seal(inputs)
        else { return nil }
        members["inputs"] = .object(sealed)
        return .object(members)
    }
}
