package import FlowModel

/// What a script wrote to `$FLOW_OUTPUT`: a JSON object, or lines `name=value`.
///
/// Lines are coerced to the declared type; the last of two with one name counts. They end in LF or CR LF, and a byte order mark is left
/// out. `changed` says whether the script changed
/// anything, with every form and beside every declared type.
package struct FlowOutput: Hashable, Sendable {
    /// The value of the declared type; nil where none is declared.
    package var value: JSON?
    package var changed: Bool?

    /// Reads `bytes` (nil: there is no file) against the declared shape, if any.
    package init(_ bytes: [UInt8]?, as shape: TypeShape?) throws(AttemptResult.Failure) {
        let bytes = try FlowOutput.text(bytes ?? [])
        let isJSON = bytes.first == UInt8(ascii: "{")
        let members = isJSON ? try FlowOutput.object(bytes) : try FlowOutput.lines(bytes, shape)
        changed = try FlowOutput.changed(members["changed"])
        guard let shape else { return }
        let value = JSON.object(members)
        if let character = value.forbiddenCharacter { throw FlowOutput.failure("a text of it has \(character), which no value may hold") }
        let faults = shape.faults(in: value)
        guard faults.isEmpty else {
            let list = faults.map { ($0.subject.isEmpty ? "" : "\($0.subject): ") + $0.message }.joined(separator: "; ")
            let found = bytes.isEmpty ? "nothing was written to it" : list
            throw FlowOutput.failure("it does not hold the declared \(shape): \(found)")
        }
        self.value = value
    }

    /// The seconds that a script which failed asks to be left alone for: `retryAfter=90`, or the member of an object. Whatever else it wrote is
    /// not looked at, and what is no number of seconds asks for nothing.
    package static func retryAfter(in bytes: [UInt8]?) -> Double? {
        guard let bytes = try? FlowOutput.text(bytes ?? []) else { return nil }
        var found: Double?
        if bytes.first == UInt8(ascii: "{") {
            found = (try? JSON.parse(bytes))?["retryAfter"]?.doubleValue
        } else {
            let name = Array("retryAfter=".utf8)
            let line = FlowOutput.lines(of: bytes).last { $0.starts(with: name) }
            found = line.flatMap { Double(String(decoding: $0.dropFirst(name.count), as: UTF8.self)) }
        }
        return found.flatMap { $0.isFinite && $0 > 0 ? $0 : nil }
    }

    private static func object(_ bytes: [UInt8]) throws(AttemptResult.Failure) -> [String: JSON] {
        do throws(JSONError) {
            return try JSON.parse(bytes).objectValue ?? [:]
        } catch {
            throw failure("it begins with { and is not a JSON object: \(error)")
        }
    }

    /// Lines end in LF or, from a script that was written on Windows, in CR LF. By bytes: to Swift, CR LF is one character that is no LF.
    private static func lines(of bytes: [UInt8]) -> [ArraySlice<UInt8>] {
        bytes.split(separator: 0x0A).map { $0.last == 0x0D ? $0.dropLast() : $0 }
    }

    private static func text(_ bytes: [UInt8]) throws(AttemptResult.Failure) -> [UInt8] {
        do throws(WrittenText.Fault) {
            return Array(try WrittenText.bytes(of: bytes))
        } catch {
            throw failure(error.message)
        }
    }

    private static func lines(_ bytes: [UInt8], _ shape: TypeShape?) throws(AttemptResult.Failure) -> [String: JSON] {
        guard String(validating: bytes, as: UTF8.self) != nil else { throw failure("it is not UTF-8") }
        guard !bytes.contains(0) else { throw failure("it contains a NUL character") }
        var members: [String: JSON] = [:]
        for line in lines(of: bytes) where !line.isEmpty {
            let shown = String(decoding: line, as: UTF8.self).prefix(80)
            guard let equals = line.firstIndex(of: UInt8(ascii: "=")), equals != line.startIndex else {
                // Without a declared type the file is the script's own, but for `changed`.
                if shape == nil { continue }
                throw failure("the line '\(shown)' is not name=value, and the file does not begin with {")
            }
            // Lines that end in CR alone would all be one value.
            guard !line.contains(0x0D) else {
                let text = shown.unicodeScalars.map { $0 == "\r" ? "\\r" : String($0) }.joined()
                throw failure("the line '\(text)' has a carriage return in it: lines end in LF or CR LF; a value with one is written as JSON")
            }
            let name = String(decoding: line[..<equals], as: UTF8.self)
            members[name] = try coerce(name, String(decoding: line[(equals + 1)...], as: UTF8.self), shape)
        }
        return members
    }

    private static func coerce(_ name: String, _ text: String, _ shape: TypeShape?) throws(AttemptResult.Failure) -> JSON {
        guard let member = shape?.member(name) else { return .string(text) }
        guard let value = member.coerce(text) else { throw failure("\(name): '\(text.prefix(80))' is not \(member)") }
        return value
    }

    private static func changed(_ value: JSON?) throws(AttemptResult.Failure) -> Bool? {
        switch value {
        case nil: return nil
        case .bool(let flag)?: return flag
        case .string("true")?: return true
        case .string("false")?: return false
        case let other?: throw failure("changed is true or false, found \(other.text.prefix(80))")
        }
    }

    private static func failure(_ message: String) -> AttemptResult.Failure { .init(.output, "$FLOW_OUTPUT is not accepted: \(message)") }
}

extension TypeShape {
    /// The shape of a member, where values have members.
    func member(_ name: String) -> TypeShape? {
        switch self {
        case .object(let fields): fields.first { $0.name == name }?.shape
        case .dictionary(let value): value
        case .optional(let inner): inner.member(name)
        default: nil
        }
    }
}
