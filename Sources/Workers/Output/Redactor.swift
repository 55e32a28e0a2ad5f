package import FlowModel

/// Masks secret values in a stream, over the borders of its chunks, before anything of it is kept.
///
/// Each byte of a value becomes `*`, so lengths and offsets stay those of the host: after a restart the stream continues where the
/// file ends. Bytes that may be the beginning of a value are held back until the next ones decide.
package struct Redactor: Sendable {
    private let patterns: SecretPatterns
    private var state: Int32 = 0
    private var held: [UInt8] = []

    package init(_ patterns: SecretPatterns) { self.patterns = patterns }

    /// How many bytes are held back.
    var heldBytes: Int { held.count }

    /// What can be let go of after `bytes`.
    package mutating func take(_ bytes: [UInt8]) -> [UInt8] {
        guard !patterns.isEmpty else { return bytes }
        var out = held
        out.reserveCapacity(held.count + bytes.count)
        for byte in bytes {
            out.append(byte)
            state = patterns.step(state, byte)
            let matched = patterns.matched(state)
            if matched > 0 { for index in out.count - matched..<out.count { out[index] = Redactor.mask } }
        }
        held = Array(out.suffix(patterns.pending(state)))
        out.removeLast(held.count)
        return out
    }

    /// The rest. `isCut`: the stream was cut here, so that the beginning of a value may stand for the value.
    package mutating func finish(isCut: Bool) -> [UInt8] {
        defer { (held, state) = ([], 0) }
        return isCut ? [UInt8](repeating: Redactor.mask, count: held.count) : held
    }

    private static let mask = UInt8(ascii: "*")
}

extension SecretPatterns {
    /// The text with every secret masked.
    package func masked(_ text: String) -> String {
        guard !isEmpty else { return text }
        var redactor = Redactor(self)
        let start = redactor.take(Array(text.utf8))
        return String(decoding: start + redactor.finish(isCut: false), as: UTF8.self)
    }

    /// The value with every secret in its texts and names masked, and made fit to be kept: NUL and the marks of sealed secrets, which
    /// only the engine may set, become U+FFFD.
    package func masked(_ value: JSON) -> JSON {
        switch value {
        case .string(let text): return .string(OutputText.keepable(masked(text)))
        case .array(let elements): return .array(elements.map { masked($0) })
        case .object(let members):
            let pairs = members.map { (OutputText.keepable(masked($0.key)), masked($0.value)) }
            return .object(Dictionary(pairs, uniquingKeysWith: { one, _ in one }))
        default:
            let text = value.canonical
            let shown = masked(text)
            return shown == text ? value : .string(shown)
        }
    }
}
