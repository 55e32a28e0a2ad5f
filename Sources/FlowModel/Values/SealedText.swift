/// How a sealed secret travels inside a text: between two private-use characters that no input may contain.
///
/// A text can hold several, joined with plain parts; whoever holds the key replaces each by what it says, as late as possible.
/// Views replace each by `<redacted>`.
package enum SealedText {
    package static let open: Character = "\u{E0F1}"
    package static let close: Character = "\u{E0F2}"
    /// What people are shown in place of a secret.
    package static let shown = "<redacted>"

    /// The marker of a sealed secret, given as base64.
    package static func marker(_ base64: String) -> String { "\(open)\(base64)\(close)" }

    package static func isPresent(in text: String) -> Bool { text.contains(open) || text.contains(close) }

    /// The text with every marker replaced by what `replace` makes of its base64.
    package static func replacing<Failure: Error>(
        in text: String, with replace: (String) throws(Failure) -> String
    ) throws(Failure) -> String {
        guard isPresent(in: text) else { return text }
        var out = ""
        var rest = text[...]
        while let start = rest.firstIndex(of: open), let end = rest[start...].firstIndex(of: close) {
            out += rest[..<start]
            out += try replace(String(rest[rest.index(after: start)..<end]))
            rest = rest[rest.index(after: end)...]
        }
        return out + rest
    }

    /// The base64 of every marker in the value.
    package static func sealed(in value: JSON) -> Set<String> {
        switch value {
        case .string(let text):
            var found: Set<String> = []
            _ = replacing(in: text) { base64 in
                found.insert(base64)
                return ""
            }
            return found
        case .array(let elements): return elements.reduce(into: []) { $0.formUnion(sealed(in: $1)) }
        case .object(let members): return members.values.reduce(into: []) { $0.formUnion(sealed(in: $1)) }
        default: return []
        }
    }

    /// The value as people may see it.
    package static func redacted(_ value: JSON) -> JSON {
        switch value {
        case .string(let text): .string(replacing(in: text) { _ in shown })
        case .array(let elements): .array(elements.map(redacted))
        case .object(let members): .object(members.mapValues(redacted))
        default: value
        }
    }
}
