extension HTTP {
    /// Header fields in their order, repeated ones kept. Names are compared without regard to case.
    package struct Headers: Hashable, Sendable, ExpressibleByDictionaryLiteral {
        package struct Field: Hashable, Sendable {
            package var name: String
            package var value: String

            package init(_ name: String, _ value: String) {
                self.name = name
                self.value = value
            }
        }

        package var fields: [Field]

        package init(_ fields: [Field] = []) { self.fields = fields }

        package init(dictionaryLiteral elements: (String, String)...) { fields = elements.map { Field($0.0, $0.1) } }

        package mutating func add(_ name: String, _ value: String) { fields.append(Field(name, value)) }

        package mutating func remove(where isUnwanted: (_ lowercasedName: String) -> Bool) {
            fields.removeAll { isUnwanted($0.name.lowercased()) }
        }

        /// The value of the first field of that name.
        package subscript(name: String) -> String? {
            let name = name.lowercased()
            return fields.first { $0.name.lowercased() == name }?.value
        }

        /// The values of all fields of that name, in order.
        package func all(_ name: String) -> [String] {
            let name = name.lowercased()
            return fields.filter { $0.name.lowercased() == name }.map(\.value)
        }
    }
}

extension HTTP.Headers.Field {
    /// What is wrong with it as a field of a request; nil: nothing. A line break in it would begin another field.
    var fault: String? {
        guard !name.isEmpty, name.utf8.allSatisfy(Self.isNameByte) else { return "'\(name.debugDescription)' is not the name of a header" }
        guard value.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F || $0 == 0x09 }) else { return "the header \(name) has a control character in it" }
        // Two lengths of one body are how requests are smuggled: the length is the body's.
        guard !["content-length", "transfer-encoding"].contains(name.lowercased()) else { return "the header \(name) is not for the caller to set" }
        return nil
    }

    private static func isNameByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"): true
        default: "!#$%&'*+-.^_`|~".utf8.contains(byte)
        }
    }
}
