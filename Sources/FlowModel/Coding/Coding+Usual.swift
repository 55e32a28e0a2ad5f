// What is usual is left out of plans, and read into them again.

extension KeyedDecodingContainer {
    func decode<Value: Decodable>(_ key: Key, unlessAbsent fallback: Value) throws -> Value {
        try decodeIfPresent(Value.self, forKey: key) ?? fallback
    }
}

extension KeyedEncodingContainer {
    mutating func encode<Value: Encodable & Equatable>(_ value: Value, forKey key: Key, unless usual: Value) throws {
        if value != usual { try encode(value, forKey: key) }
    }
}
