/// The members of an object, each of which must be asked for.
struct JSONMembers {
    private var left: [String: JSON]

    init(_ json: JSON, as what: String) throws(JSONMisfit) {
        guard case .object(let members) = json else { throw JSONMisfit("must be \(what), found \(json.typeName)") }
        left = members
    }

    var names: [String] { left.keys.sorted() }

    /// An absent member and a null one mean the same.
    mutating func take(_ name: String) -> JSON? {
        guard let value = left.removeValue(forKey: name), value != .null else { return nil }
        return value
    }

    mutating func need(_ name: String) throws(JSONMisfit) -> JSON {
        guard let value = left.removeValue(forKey: name) else { throw JSONMisfit("is missing", at: [name]) }
        return value
    }

    mutating func text(_ name: String) throws(JSONMisfit) -> String {
        let value = try need(name)
        guard case .string(let text) = value else { throw JSONMisfit("must be a String, found \(value.typeName)", at: [name]) }
        return text
    }

    mutating func int(_ name: String) throws(JSONMisfit) -> Int {
        let value = try need(name)
        guard case .int(let number) = value else { throw JSONMisfit("must be a whole number, found \(value.typeName)", at: [name]) }
        return number
    }

    mutating func number(_ name: String) throws(JSONMisfit) -> Double {
        let value = try need(name)
        guard let number = value.doubleValue else { throw JSONMisfit("must be a number, found \(value.typeName)", at: [name]) }
        return number
    }

    mutating func bool(_ name: String, unlessAbsent fallback: Bool) throws(JSONMisfit) -> Bool {
        guard let value = take(name) else { return fallback }
        guard case .bool(let answer) = value else { throw JSONMisfit("must be true or false, found \(value.typeName)", at: [name]) }
        return answer
    }

    mutating func value<Value: JSONValueCodable>(_ name: String, as type: Value.Type = Value.self) throws(JSONMisfit) -> Value {
        let json = try need(name)
        do throws(JSONMisfit) { return try Value(json: json) } catch { throw error.inside(name) }
    }

    mutating func list<Value>(_ name: String, _ read: (JSON) throws(JSONMisfit) -> Value) throws(JSONMisfit) -> [Value] {
        let json = try need(name)
        do throws(JSONMisfit) { return try JSONMembers.list(json, read) } catch { throw error.inside(name) }
    }

    static func list<Value>(_ json: JSON, _ read: (JSON) throws(JSONMisfit) -> Value) throws(JSONMisfit) -> [Value] {
        guard case .array(let elements) = json else { throw JSONMisfit("must be a list, found \(json.typeName)") }
        var values: [Value] = []
        values.reserveCapacity(elements.count)
        for (index, element) in elements.enumerated() {
            do throws(JSONMisfit) { values.append(try read(element)) } catch { throw error.inside(String(index)) }
        }
        return values
    }

    /// Refuses what nobody asked for: it would be lost in silence.
    func end() throws(JSONMisfit) {
        guard let name = left.keys.min() else { return }
        throw JSONMisfit("is not known here", at: [name])
    }
}
