/// Decodes Codable values from `JSON` directly, and refuses members that nobody asked for.
///
/// A request with a misspelt field must not pass as one without it. There is no Foundation in it, which makes it several times
/// faster than `JSONDecoder` on the path of `POST /v1/runs`.
package enum StrictDecoder {
    /// Throws a `usage` error that names each unknown field, or the first field that does not fit.
    ///
    /// Never inlined: where it is, into an async function, the optimiser of Swift 6.3.1 crashes (LLVM's CoroSplit pass).
    @inline(never)
    package static func decode<Value: Decodable>(_ type: Value.Type, from json: JSON) throws(FlowError) -> Value {
        switch read(type, from: json) {
        case .value(let value): return value
        case .misfit(let fault):
            let name = fault.subject.isEmpty ? "body" : fault.subject
            throw FlowError(.usage, subject: name, "Nothing was done: '\(name)' \(fault.message).")
        case .unknown(let faults):
            let names = faults.map { "'\($0.subject)'" }.joined(separator: ", ")
            throw FlowError(
                .usage, subject: "body", "Nothing was done: the request has unknown fields: \(names).", errors: faults)
        }
    }

    /// What is wrong with a value, by field; empty when nothing is. The subject of a fault of the whole is empty.
    package static func faults<Value: Decodable>(_ type: Value.Type, in json: JSON) -> [FlowError.Detail] { check(type, json).faults }

    /// The value, if nothing is wrong with it.
    package static func check<Value: Decodable>(_ type: Value.Type, _ json: JSON) -> (value: Value?, faults: [FlowError.Detail]) {
        switch read(type, from: json) {
        case .value(let value): (value, [])
        case .misfit(let fault): (nil, [fault])
        case .unknown(let faults): (nil, faults)
        }
    }

    /// Decodes a value of a type of ours; members that it does not know are left alone.
    package static func decodeLeniently<Value: Decodable>(_ type: Value.Type, from json: JSON) throws -> Value {
        try Spot(json: json, codingPath: [], unknown: Unknown()).decode(type)
    }

    private static let shownFields = 20

    private enum Reading<Value> {
        case value(Value)
        case misfit(FlowError.Detail)
        case unknown([FlowError.Detail])
    }

    @inline(never)
    private static func read<Value: Decodable>(_ type: Value.Type, from json: JSON) -> Reading<Value> {
        let unknown = Unknown()
        let value: Value
        do {
            value = try Spot(json: json, codingPath: [], unknown: unknown).decode(type)
        } catch let error as DecodingError {
            return .misfit(fault(error))
        } catch {
            return .misfit(FlowError.Detail(subject: "", message: "does not fit: \(error)"))
        }
        guard !unknown.fields.isEmpty else { return .value(value) }
        // The first of them say what is meant: an answer is not larger than its request.
        return .unknown(
            unknown.fields.prefix(shownFields).map { field in
                let near = nearestNames(to: field.name, in: field.known)
                let hint =
                    near.isEmpty ? "known: \(field.known.sorted().joined(separator: ", "))" : "did you mean '\(near[0])'?"
                return FlowError.Detail(subject: field.path, message: "unknown field; \(hint)")
            })
    }

    private static func fault(_ error: DecodingError) -> FlowError.Detail {
        let (path, message): ([any CodingKey], String)
        switch error {
        case .keyNotFound(let key, let context): (path, message) = (context.codingPath + [key], "is missing")
        case .typeMismatch(_, let context), .valueNotFound(_, let context), .dataCorrupted(let context):
            (path, message) = (context.codingPath, context.debugDescription)
        @unknown default: (path, message) = ([], "\(error)")
        }
        return FlowError.Detail(subject: path.map(\.stringValue).joined(separator: "."), message: message)
    }
}

/// Collects members that no container was asked for.
private final class Unknown {
    var fields: [(path: String, name: String, known: Set<String>)] = []
}

private struct Spot: Decoder {
    let json: JSON
    let codingPath: [any CodingKey]
    let unknown: Unknown
    var userInfo: [CodingUserInfoKey: Any] { [:] }

    func decode<Value: Decodable>(_ type: Value.Type) throws -> Value {
        // `JSON` takes a value as it is: asking it to try every type in turn would cost a thrown error each.
        if let value = json as? Value { return value }
        if type == [String: JSON].self, case .object(let members) = json, let value = members as? Value { return value }
        guard case .object(let members) = json else { return try plain(type) }
        let asked = Asked()
        let value = try Value(from: Tracked(spot: self, asked: asked))
        if asked.isKeyed {
            for name in members.keys.sorted() where !asked.names.contains(name) {
                let path = (codingPath.map(\.stringValue) + [name]).joined(separator: ".")
                unknown.fields.append((path, name, asked.names))
            }
        }
        return value
    }

    /// A text, number or list. For a text that is none of an enumeration's, the error says which there are.
    private func plain<Value: Decodable>(_ type: Value.Type) throws -> Value {
        do {
            return try Value(from: self)
        } catch DecodingError.dataCorrupted(let context) where context.codingPath.count == codingPath.count {
            guard let choices = rawTexts(type) else { throw DecodingError.dataCorrupted(context) }
            throw mismatch("one of \(choices.joined(separator: ", "))")
        }
    }

    func container<Key: CodingKey>(keyedBy type: Key.Type) throws -> KeyedDecodingContainer<Key> {
        try container(keyedBy: type, asked: Asked())
    }

    func container<Key: CodingKey>(keyedBy type: Key.Type, asked: Asked) throws -> KeyedDecodingContainer<Key> {
        guard case .object(let members) = json else { throw mismatch("an object") }
        asked.isKeyed = true
        return KeyedDecodingContainer(Members(spot: self, members: members, asked: asked))
    }

    func unkeyedContainer() throws -> any UnkeyedDecodingContainer {
        guard case .array(let elements) = json else { throw mismatch("a list") }
        return Elements(spot: self, elements: elements)
    }

    func singleValueContainer() throws -> any SingleValueDecodingContainer { Single(spot: self) }

    func child(_ json: JSON, _ key: any CodingKey) -> Spot {
        Spot(json: json, codingPath: codingPath + [key], unknown: unknown)
    }

    func mismatch(_ expected: String) -> DecodingError {
        let context = DecodingError.Context(
            codingPath: codingPath, debugDescription: "must be \(expected), found \(json.typeName)\(shown)")
        return .typeMismatch(JSON.self, context)
    }

    /// The value itself, where it is short enough to be looked at.
    private var shown: String {
        switch json {
        case .string(let text): text.utf8.count <= 40 ? ": '\(text)'" : ""
        case .int, .double, .bool: ": \(json.canonical)"
        case .null, .array, .object: ""
        }
    }
}

/// The raw values of an enumeration of texts; nil for any other type.
private func rawTexts(_ type: Any.Type) -> [String]? {
    func texts<Value: CaseIterable>(_ type: Value.Type) -> [String] {
        type.allCases.compactMap { ($0 as? any RawRepresentable)?.rawValue as? String }
    }
    guard let type = type as? any CaseIterable.Type else { return nil }
    let all = texts(type)
    return all.isEmpty ? nil : all
}

/// The names that a type asked an object for.
private final class Asked {
    var names: Set<String> = []
    var isKeyed = false
}

/// A spot whose keyed container remembers what was asked.
private struct Tracked: Decoder {
    let spot: Spot
    let asked: Asked
    var codingPath: [any CodingKey] { spot.codingPath }
    var userInfo: [CodingUserInfoKey: Any] { [:] }

    func container<Key: CodingKey>(keyedBy type: Key.Type) throws -> KeyedDecodingContainer<Key> {
        try spot.container(keyedBy: type, asked: asked)
    }
    func unkeyedContainer() throws -> any UnkeyedDecodingContainer { try spot.unkeyedContainer() }
    func singleValueContainer() throws -> any SingleValueDecodingContainer { try spot.singleValueContainer() }
}

private struct Members<Key: CodingKey>: KeyedDecodingContainerProtocol {
    let spot: Spot
    let members: [String: JSON]
    let asked: Asked
    var codingPath: [any CodingKey] { spot.codingPath }

    /// Asking for all keys is asking for those that the type has a case for.
    var allKeys: [Key] {
        members.keys.sorted().compactMap { name in
            guard let key = Key(stringValue: name) else { return nil }
            asked.names.insert(name)
            return key
        }
    }

    func contains(_ key: Key) -> Bool {
        asked.names.insert(key.stringValue)
        return members[key.stringValue] != nil
    }

    /// An absent member and a null one mean the same.
    func decodeNil(forKey key: Key) throws -> Bool {
        asked.names.insert(key.stringValue)
        return members[key.stringValue] ?? .null == .null
    }

    private func member(_ key: Key) throws -> Spot {
        asked.names.insert(key.stringValue)
        guard let value = members[key.stringValue] else {
            throw DecodingError.keyNotFound(key, .init(codingPath: codingPath, debugDescription: "is missing"))
        }
        return spot.child(value, key)
    }

    func decode(_ type: Bool.Type, forKey key: Key) throws -> Bool { try member(key).scalar() }
    func decode(_ type: String.Type, forKey key: Key) throws -> String { try member(key).scalar() }
    func decode(_ type: Int.Type, forKey key: Key) throws -> Int { try member(key).scalar() }
    func decode(_ type: Double.Type, forKey key: Key) throws -> Double { try member(key).scalar() }
    func decode<Value: Decodable>(_ type: Value.Type, forKey key: Key) throws -> Value { try member(key).decode(type) }

    func nestedContainer<Nested: CodingKey>(
        keyedBy type: Nested.Type, forKey key: Key
    ) throws -> KeyedDecodingContainer<Nested> {
        try member(key).container(keyedBy: type)
    }
    func nestedUnkeyedContainer(forKey key: Key) throws -> any UnkeyedDecodingContainer { try member(key).unkeyedContainer() }
    func superDecoder() throws -> any Decoder { spot }
    func superDecoder(forKey key: Key) throws -> any Decoder { try member(key) }
}

private struct Elements: UnkeyedDecodingContainer {
    let spot: Spot
    let elements: [JSON]
    var currentIndex = 0
    var codingPath: [any CodingKey] { spot.codingPath }
    var count: Int? { elements.count }
    var isAtEnd: Bool { currentIndex == elements.count }

    init(spot: Spot, elements: [JSON]) {
        self.spot = spot
        self.elements = elements
    }

    private mutating func next() throws -> Spot {
        guard !isAtEnd else {
            throw DecodingError.valueNotFound(
                JSON.self, .init(codingPath: codingPath, debugDescription: "has too few elements"))
        }
        defer { currentIndex += 1 }
        return spot.child(elements[currentIndex], Position(currentIndex))
    }

    mutating func decodeNil() throws -> Bool {
        guard !isAtEnd, elements[currentIndex] == .null else { return false }
        currentIndex += 1
        return true
    }
    mutating func decode<Value: Decodable>(_ type: Value.Type) throws -> Value { try next().decode(type) }
    mutating func nestedContainer<Key: CodingKey>(keyedBy type: Key.Type) throws -> KeyedDecodingContainer<Key> {
        try next().container(keyedBy: type)
    }
    mutating func nestedUnkeyedContainer() throws -> any UnkeyedDecodingContainer { try next().unkeyedContainer() }
    mutating func superDecoder() throws -> any Decoder { try next() }
}

private struct Position: CodingKey {
    let index: Int
    var stringValue: String { String(index) }
    var intValue: Int? { index }
    init(_ index: Int) { self.index = index }
    init?(stringValue: String) { nil }
    init?(intValue: Int) { self.index = intValue }
}

private struct Single: SingleValueDecodingContainer {
    let spot: Spot
    var codingPath: [any CodingKey] { spot.codingPath }

    func decodeNil() -> Bool { spot.json == .null }
    func decode(_ type: Bool.Type) throws -> Bool { try spot.scalar() }
    func decode(_ type: String.Type) throws -> String { try spot.scalar() }
    func decode(_ type: Int.Type) throws -> Int { try spot.scalar() }
    func decode(_ type: Double.Type) throws -> Double { try spot.scalar() }
    func decode<Value: Decodable>(_ type: Value.Type) throws -> Value { try spot.decode(type) }
}

extension Spot {
    func scalar() throws -> Bool {
        guard let value = json.boolValue else { throw mismatch("true or false") }
        return value
    }
    func scalar() throws -> String {
        guard let value = json.stringValue else { throw mismatch("a String") }
        return value
    }
    func scalar() throws -> Int {
        guard let value = json.intValue else { throw mismatch("a whole number") }
        return value
    }
    func scalar() throws -> Double {
        guard let value = json.doubleValue else { throw mismatch("a number") }
        return value
    }
}
