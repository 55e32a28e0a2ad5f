import FlowModel
import FlowWire

/// Finds the JSON schema of a wire type by decoding it from nothing and noting what it asks for, so that the description cannot
/// say anything else than the types do.
package struct SchemaProbe {
    /// Schemas of the named types met so far, for `components/schemas`.
    var components: [String: JSON] = [:]

    /// A schema for `type`: a reference for wire types, in place for the rest.
    mutating func schema(of type: any Decodable.Type) -> JSON {
        if let known = SchemaProbe.leaf(type) { return known }
        if let list = type as? any ListType.Type { return ["type": "array", "items": schema(of: list.element)] }
        if let map = type as? any MapType.Type { return ["type": "object", "additionalProperties": schema(of: map.value)] }
        let name = SchemaProbe.name(of: type)
        if components[name] == nil {
            components[name] = [:]
            components[name] =
                if type is Plan.Type { plan() } else if let valued = type as? any JSONValueCodable.Type { valued.schema } else { object(type) }
        }
        return ["$ref": .string("#/components/schemas/\(name)")]
    }

    private mutating func object(_ type: any Decodable.Type) -> JSON { object(SchemaProbe.fields(of: type)) }

    mutating func object(_ fields: [Field]) -> JSON {
        var properties: [String: JSON] = [:]
        for field in fields { properties[field.name] = schema(of: field.type) }
        let required = fields.filter { !$0.isOptional }.map { JSON.string($0.name) }
        var result: [String: JSON] = ["type": "object", "properties": .object(properties)]
        if !required.isEmpty { result["required"] = .array(required) }
        return .object(result)
    }

    typealias Field = (name: String, type: any Decodable.Type, isOptional: Bool)

    /// What a type asks for when it is decoded.
    static func fields(of type: any Decodable.Type) -> [Field] {
        let record = Record()
        do {
            _ = try type.init(from: Probe(record: record))
        } catch {
            // A probe gives placeholders, so that types which check what they read may refuse them: what they asked for counts.
        }
        return record.fields
    }

    /// `Page<Run>` becomes `RunPage`, `Parameter.Kind` `ParameterKind`.
    package static func name(of type: any Decodable.Type) -> String {
        let text = String(reflecting: type)
        if type is any JSONValueCodable.Type { return text.split(separator: ".").dropFirst().joined() }
        let last = text.split(separator: "<").map { $0.split(separator: ".").last.map(String.init) ?? "" }
        return last.count == 2 ? last[1].filter { $0 != ">" } + last[0] : last.joined()
    }

    /// Types whose JSON is not an object of fields.
    private static func leaf(_ type: any Decodable.Type) -> JSON? {
        switch type {
        case is JSON.Type: return [:]
        case is String.Type: return ["type": "string"]
        case is StepPath.Type: return ["type": "string", "description": "deploy[web-1]/switch"]
        case is Bool.Type: return ["type": "boolean"]
        case is Int.Type: return ["type": "integer"]
        case is Double.Type: return ["type": "number"]
        case is Instant.Type: return ["type": "string", "format": "date-time"]
        case is RunID.Type: return ["type": "string", "format": "uuid"]
        case is Digest.Type: return ["type": "string", "pattern": "^[0-9a-f]{64}$"]
        case is BatchSizes.Type: return ["type": "string", "description": "1 10% *2"]
        default: break
        }
        guard let choices = type as? any CaseIterable.Type, let values = SchemaProbe.rawValues(choices) else { return nil }
        return ["type": "string", "enum": .array(values.map(JSON.string))]
    }

    private static func rawValues<Value: CaseIterable>(_ type: Value.Type) -> [String]? {
        let values = type.allCases.compactMap { ($0 as? any RawRepresentable)?.rawValue as? String }
        return values.isEmpty ? nil : values
    }
}

private protocol ListType { static var element: any Decodable.Type { get } }
extension Array: ListType where Element: Decodable { static var element: any Decodable.Type { Element.self } }

private protocol MapType { static var value: any Decodable.Type { get } }
extension Dictionary: MapType where Key == String, Value: Decodable { static var value: any Decodable.Type { Value.self } }

/// What a type asked for.
private final class Record {
    var fields: [SchemaProbe.Field] = []
}

private struct Stop: Error {}

/// A decoder that has an answer for every field, and notes the question.
private struct Probe: Decoder {
    let record: Record
    var codingPath: [any CodingKey] { [] }
    var userInfo: [CodingUserInfoKey: Any] { [:] }

    func container<Key: CodingKey>(keyedBy type: Key.Type) -> KeyedDecodingContainer<Key> {
        KeyedDecodingContainer(Fields(record: record))
    }
    func unkeyedContainer() throws -> any UnkeyedDecodingContainer { throw Stop() }
    func singleValueContainer() throws -> any SingleValueDecodingContainer { throw Stop() }
}

private struct Fields<Key: CodingKey>: KeyedDecodingContainerProtocol {
    let record: Record
    var codingPath: [any CodingKey] { [] }
    var allKeys: [Key] { [] }

    func contains(_ key: Key) -> Bool { true }
    func decodeNil(forKey key: Key) -> Bool { true }

    func decode(_ type: Bool.Type, forKey key: Key) -> Bool { note(type, key, false) }
    func decode(_ type: String.Type, forKey key: Key) -> String { note(type, key, "") }
    func decode(_ type: Int.Type, forKey key: Key) -> Int { note(type, key, 0) }
    func decode(_ type: Double.Type, forKey key: Key) -> Double { note(type, key, 0) }
    func decode<Value: Decodable>(_ type: Value.Type, forKey key: Key) throws -> Value {
        record.fields.append((key.stringValue, type, false))
        return try placeholder(type)
    }

    func decodeIfPresent(_ type: Bool.Type, forKey key: Key) -> Bool? { skip(type, key) }
    func decodeIfPresent(_ type: String.Type, forKey key: Key) -> String? { skip(type, key) }
    func decodeIfPresent(_ type: Int.Type, forKey key: Key) -> Int? { skip(type, key) }
    func decodeIfPresent(_ type: Double.Type, forKey key: Key) -> Double? { skip(type, key) }
    func decodeIfPresent<Value: Decodable>(_ type: Value.Type, forKey key: Key) -> Value? { skip(type, key) }

    private func note<Value: Decodable>(_ type: Value.Type, _ key: Key, _ value: Value) -> Value {
        record.fields.append((key.stringValue, type, false))
        return value
    }
    private func skip<Value: Decodable>(_ type: Value.Type, _ key: Key) -> Value? {
        record.fields.append((key.stringValue, type, true))
        return nil
    }

    /// Some value of the type, so that the questions go on.
    private func placeholder<Value: Decodable>(_ type: Value.Type) throws -> Value {
        let candidates: [JSON] = [
            [:], [], .string("00000000-0000-7000-8000-000000000000"), "1970-01-01T00:00:00.000Z",
            .string(String(repeating: "0", count: 64)), "1", .int(0),
        ]
        if let choices = type as? any CaseIterable.Type, let first = first(choices) as? Value { return first }
        for candidate in candidates {
            if let value = try? StrictDecoder.decode(type, from: candidate) { return value }
        }
        return try Value(from: Probe(record: Record()))
    }

    private func first<Value: CaseIterable>(_ type: Value.Type) -> Any? { type.allCases.first }

    func nestedContainer<Nested: CodingKey>(
        keyedBy type: Nested.Type, forKey key: Key
    ) throws -> KeyedDecodingContainer<Nested> { throw Stop() }
    func nestedUnkeyedContainer(forKey key: Key) throws -> any UnkeyedDecodingContainer { throw Stop() }
    func superDecoder() throws -> any Decoder { throw Stop() }
    func superDecoder(forKey key: Key) throws -> any Decoder { throw Stop() }
}
