internal import FlowModel

/// What a type asked for while it decoded itself. Used by one thread, within one call.
final class ProbeNotes {
    let depth: Int
    /// What every text says.
    let text: String
    var shape = TypeShape.any
    /// JSON names by property.
    var names: [String: String] = [:]
    var fields: [TypeShape.Field] = []
    var optionals: Set<String> = []
    /// Whether a member of this name may exist.
    var isKey: (String) -> Bool = { _ in true }

    init(depth: Int, text: String) {
        self.depth = depth
        self.text = text
    }

    func note(_ shape: TypeShape, for key: some CodingKey) {
        let name = key.stringValue
        let full = optionals.contains(name) ? TypeShape.optional(shape) : shape
        names[caseName(of: key) ?? name] = name
        fields.removeAll { $0.name == name }
        fields.append(TypeShape.Field(name: name, shape: full))
        self.shape = .object(fields)
    }
}

struct ProbeDecoder: Decoder {
    let notes: ProbeNotes
    var codingPath: [any CodingKey] { [] }
    var userInfo: [CodingUserInfoKey: Any] { [:] }

    func container<Key: CodingKey>(keyedBy type: Key.Type) throws -> KeyedDecodingContainer<Key> {
        notes.shape = .object(notes.fields)
        notes.isKey = { Key(stringValue: $0) != nil }
        return KeyedDecodingContainer(ProbeMembers<Key>(notes: notes))
    }

    func unkeyedContainer() throws -> any UnkeyedDecodingContainer {
        notes.shape = .list(.any)
        throw NothingToDecode()
    }

    func singleValueContainer() throws -> any SingleValueDecodingContainer { ProbeValue(notes: notes) }
}

/// There is no value to give.
struct NothingToDecode: Error {}

private struct ProbeMembers<Key: CodingKey>: KeyedDecodingContainerProtocol {
    let notes: ProbeNotes
    var codingPath: [any CodingKey] { [] }
    var allKeys: [Key] { [] }

    func contains(_ key: Key) -> Bool { true }

    func decodeNil(forKey key: Key) throws -> Bool {
        notes.optionals.insert(key.stringValue)
        return false
    }

    func decode(_ type: Bool.Type, forKey key: Key) throws -> Bool { give(false, .bool, key) }
    func decode(_ type: String.Type, forKey key: Key) throws -> String { give("", .string, key) }
    func decode(_ type: Double.Type, forKey key: Key) throws -> Double { give(0, .double, key) }
    func decode(_ type: Float.Type, forKey key: Key) throws -> Float { give(0, .double, key) }
    func decode(_ type: Int.Type, forKey key: Key) throws -> Int { give(0, .int, key) }
    func decode(_ type: Int8.Type, forKey key: Key) throws -> Int8 { give(0, .int, key) }
    func decode(_ type: Int16.Type, forKey key: Key) throws -> Int16 { give(0, .int, key) }
    func decode(_ type: Int32.Type, forKey key: Key) throws -> Int32 { give(0, .int, key) }
    func decode(_ type: Int64.Type, forKey key: Key) throws -> Int64 { give(0, .int, key) }
    func decode(_ type: UInt.Type, forKey key: Key) throws -> UInt { give(0, .int, key) }
    func decode(_ type: UInt8.Type, forKey key: Key) throws -> UInt8 { give(0, .int, key) }
    func decode(_ type: UInt16.Type, forKey key: Key) throws -> UInt16 { give(0, .int, key) }
    func decode(_ type: UInt32.Type, forKey key: Key) throws -> UInt32 { give(0, .int, key) }
    func decode(_ type: UInt64.Type, forKey key: Key) throws -> UInt64 { give(0, .int, key) }

    func decode<Value: Decodable>(_ type: Value.Type, forKey key: Key) throws -> Value {
        let finding = ShapeProbe.probe(type, notes.depth - 1)
        notes.note(finding.shape, for: key)
        guard let value = finding.value as? Value else { throw NothingToDecode() }
        return value
    }

    func decodeIfPresent<Value: Decodable>(_ type: Value.Type, forKey key: Key) throws -> Value? {
        notes.note(.optional(ShapeProbe.probe(type, notes.depth - 1).shape), for: key)
        return nil
    }

    private func give<Value>(_ value: Value, _ shape: TypeShape, _ key: Key) -> Value {
        notes.note(shape, for: key)
        return value
    }

    func nestedContainer<Nested: CodingKey>(keyedBy type: Nested.Type, forKey key: Key) throws -> KeyedDecodingContainer<Nested> {
        notes.note(.any, for: key)
        throw NothingToDecode()
    }

    func nestedUnkeyedContainer(forKey key: Key) throws -> any UnkeyedDecodingContainer {
        notes.note(.list(.any), for: key)
        throw NothingToDecode()
    }

    func superDecoder() throws -> any Decoder { throw NothingToDecode() }
    func superDecoder(forKey key: Key) throws -> any Decoder { throw NothingToDecode() }
}

private struct ProbeValue: SingleValueDecodingContainer {
    let notes: ProbeNotes
    var codingPath: [any CodingKey] { [] }

    func decodeNil() -> Bool { false }
    func decode(_ type: Bool.Type) throws -> Bool { give(false, .bool) }
    func decode(_ type: String.Type) throws -> String { give(notes.text, .string) }
    func decode(_ type: Double.Type) throws -> Double { give(0, .double) }
    func decode(_ type: Float.Type) throws -> Float { give(0, .double) }
    func decode(_ type: Int.Type) throws -> Int { give(0, .int) }
    func decode(_ type: Int8.Type) throws -> Int8 { give(0, .int) }
    func decode(_ type: Int16.Type) throws -> Int16 { give(0, .int) }
    func decode(_ type: Int32.Type) throws -> Int32 { give(0, .int) }
    func decode(_ type: Int64.Type) throws -> Int64 { give(0, .int) }
    func decode(_ type: UInt.Type) throws -> UInt { give(0, .int) }
    func decode(_ type: UInt8.Type) throws -> UInt8 { give(0, .int) }
    func decode(_ type: UInt16.Type) throws -> UInt16 { give(0, .int) }
    func decode(_ type: UInt32.Type) throws -> UInt32 { give(0, .int) }
    func decode(_ type: UInt64.Type) throws -> UInt64 { give(0, .int) }

    func decode<Value: Decodable>(_ type: Value.Type) throws -> Value {
        let finding = ShapeProbe.probe(type, notes.depth - 1)
        notes.shape = finding.shape
        notes.names = finding.names
        guard let value = finding.value as? Value else { throw NothingToDecode() }
        return value
    }

    private func give<Value>(_ value: Value, _ shape: TypeShape) -> Value {
        notes.shape = shape
        return value
    }
}

/// The name of an enum's case as it is written in the source: for the keys of a synthesised `Codable`, the property's name.
private func caseName<Key: CodingKey>(of key: Key) -> String? {
    guard Mirror(reflecting: key).displayStyle == .enum, let name = enumCaseName(key) else { return nil }
    return String(cString: name)
}

/// The standard library's own look-up, which its public interface only offers for types that do not describe themselves;
/// coding keys do.
@_silgen_name("swift_EnumCaseName")
private func enumCaseName<Value>(_ value: Value) -> UnsafePointer<CChar>?
