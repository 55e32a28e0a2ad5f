import FlowModel

// What a vote says beside yes or no, as JSON: open to additions.
extension ApprovalRow.Vote {
    var isPlain: Bool { delegation == nil && fields == nil && seal == nil }

    /// `voided` is not among it: it is what later entries make of the vote.
    var extras: JSON {
        var members: [String: JSON] = [:]
        if let delegation {
            members["delegation"] = [
                "id": .string(delegation.id), "from": .string(delegation.from), "person": .string(delegation.person),
                "role": .string(delegation.role), "until": .string(delegation.until.description),
            ]
        }
        if let fields { members["fields"] = .object(fields) }
        if let seal { members["seal"] = .string(seal.hex) }
        return .object(members)
    }

    mutating func add(extras: JSON) throws {
        fields = extras["fields"]?.objectValue
        seal = extras["seal"]?.stringValue.flatMap(Digest.init(hex:))
        guard let lent = extras["delegation"] else { return }
        guard let id = lent["id"]?.stringValue, let from = lent["from"]?.stringValue, let person = lent["person"]?.stringValue,
            let role = lent["role"]?.stringValue, let until = lent["until"]?.stringValue.flatMap({ Instant($0) })
        else { throw BinaryReader.Malformed(message: "a delegation lacks a member") }
        delegation = Delegation(id: id, from: from, person: person, role: role, until: until)
    }
}
