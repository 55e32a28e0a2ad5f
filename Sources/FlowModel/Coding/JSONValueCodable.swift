/// A value whose JSON is more than the members of one object: a number or a text, or one of several forms.
package protocol JSONValueCodable: Codable {
    init(json: JSON) throws(JSONMisfit)
    var json: JSON { get }
    /// What its JSON may be, as a schema of JSON Schema 2020-12. Names of other types are `#/components/schemas/NAME`.
    static var schema: JSON { get }
}

/// Why JSON is no value of a type.
package struct JSONMisfit: Error, Hashable {
    /// Where in the value: names of members, and numbers of elements.
    package var path: [String]
    package var message: String

    package init(_ message: String, at path: [String] = []) {
        self.path = path
        self.message = message
    }

    func inside(_ name: String) -> JSONMisfit { JSONMisfit(message, at: [name] + path) }
}

extension JSONValueCodable {
    package init(from decoder: any Decoder) throws {
        let json = try decoder.singleValueContainer().decode(JSON.self)
        do throws(JSONMisfit) {
            try self.init(json: json)
        } catch {
            throw DecodingError.dataCorrupted(
                .init(codingPath: decoder.codingPath + error.path.map { NameKey($0) }, debugDescription: error.message))
        }
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(json)
    }
}

/// A member of any name.
struct NameKey: CodingKey {
    let stringValue: String
    var intValue: Int? { Int(stringValue) }

    init(_ name: String) { stringValue = name }
    init(stringValue: String) { self.stringValue = stringValue }
    init(intValue: Int) { stringValue = String(intValue) }
}
