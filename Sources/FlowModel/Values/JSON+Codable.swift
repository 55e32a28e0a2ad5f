internal import FoundationEssentials

extension JSON: Codable {
    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if container.decodeNil() {
            self = .null
        } else if let value = try? container.decode(Bool.self) {
            self = .bool(value)
        } else if let value = try? container.decode(Int.self) {
            self = .int(value)
        } else if let value = try? container.decode(Double.self) {
            self = .double(value)
        } else if let value = try? container.decode(String.self) {
            self = .string(value)
        } else if let value = try? container.decode([JSON].self) {
            self = .array(value)
        } else {
            self = .object(try container.decode([String: JSON].self))
        }
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        switch self {
        case .null: try container.encodeNil()
        case .bool(let value): try container.encode(value)
        case .int(let value): try container.encode(value)
        case .double(let value): try container.encode(value)
        case .string(let value): try container.encode(value)
        case .array(let value): try container.encode(value)
        case .object(let value): try container.encode(value)
        }
    }

    /// The JSON value of anything encodable.
    package init(encoding value: some Encodable) throws {
        self = try JSON.parse(Array(try JSONEncoder().encode(value)), maxDepth: Limits.planDepth)
    }

    /// Decodes a value of any Codable type, an author's too, as Foundation does. For types of ours `read` does the same several times faster.
    package func decode<T: Decodable>(as type: T.Type) throws -> T {
        try JSONDecoder().decode(type, from: Data(canonicalBytes))
    }

    /// Decodes a value of a type of ours, which has no dates, data or URLs of Foundation in it; members that it does not know are left alone.
    package func read<T: Decodable>(as type: T.Type) throws -> T { try StrictDecoder.decodeLeniently(type, from: self) }
}
