package import FlowModel

/// Masks secret values in a stream, over the borders of its chunks, before anything of it is kept.
///
/// Each byte of a value becomes `*`, so lengths and offsets stay those of the host: after a restart the stream continues where the
/// file ends. Bytes that may be the beginning of a value are held back until the next ones decide.
package struct Redactor: Sendable {
    fileprivate struct Watch {
        let patterns: SecretPatterns
        var written: Int32 = 0
        var encoded: Int32 = 0
        /// Blank bytes one after the other, behind what may be the beginning of something encoded.
        var blanks = 0
    }

    /// Blanks and line ends that may break what is encoded, in one place.
    fileprivate static let longestBreak = 64
    /// Fewer bytes of the beginning of a value say nothing of it, and stand at the end of many a text.
    fileprivate static let telling = 4

    private var watches: [Watch] = []
    private var held: [UInt8] = []
    /// The same as it came: what is masked by one hides nothing from another.
    private var heldPlain: [UInt8] = []

    package init(_ patterns: SecretPatterns) { add(patterns) }

    /// From now on these are masked too; what came before cannot hold their values.
    package mutating func add(_ more: SecretPatterns) {
        if !more.isEmpty { watches.append(Watch(patterns: more)) }
    }

    /// How many bytes are held back.
    var heldBytes: Int { held.count }

    /// What can be let go of after `bytes`.
    package mutating func take(_ bytes: [UInt8]) -> [UInt8] {
        guard !watches.isEmpty else { return bytes }
        var out = held + bytes
        let plain = heldPlain + bytes
        for index in watches.indices { watches[index].mask(from: held.count, of: plain, in: &out) }
        let pending = watches.reduce(0) { max($0, $1.pending(in: plain)) }
        held = Array(out.suffix(pending))
        heldPlain = Array(plain.suffix(pending))
        out.removeLast(held.count)
        return out
    }

    /// What is held back. As much of it as says something, if it is the beginning of a value, is masked; the rest of the value is when it comes.
    package mutating func release() -> [UInt8] {
        defer { (held, heldPlain) = ([], []) }
        for watch in watches {
            let pending = watch.pending(in: heldPlain, atLeast: Redactor.telling)
            for place in heldPlain.indices.suffix(pending) where !SecretPatterns.isBlank(heldPlain[place]) { held[place] = Redactor.mask }
        }
        return held
    }

    /// The rest. `isCut`: the stream was cut here, so that the beginning of a value may stand for the value.
    package mutating func finish(isCut: Bool) -> [UInt8] {
        defer {
            (held, heldPlain) = ([], [])
            watches = watches.map { Watch(patterns: $0.patterns) }
        }
        return isCut ? [UInt8](repeating: Redactor.mask, count: held.count) : held
    }

    fileprivate static let mask = UInt8(ascii: "*")
}

extension Redactor.Watch {
    /// Masks in `out` what the bytes from `start` on complete.
    fileprivate mutating func mask(from start: Int, of plain: [UInt8], in out: inout [UInt8]) {
        for place in start..<plain.count {
            let byte = plain[place]
            written = patterns.written.step(written, byte)
            let matched = patterns.written.matched(written)
            if matched > 0 { for masked in max(0, place + 1 - matched)...place { out[masked] = Redactor.mask } }
            maskEncoded(byte, place, plain, &out)
        }
    }

    private mutating func maskEncoded(_ byte: UInt8, _ place: Int, _ plain: [UInt8], _ out: inout [UInt8]) {
        if SecretPatterns.isBlank(byte) {
            guard encoded != 0 else { return }
            blanks += 1
            if blanks > Redactor.longestBreak { (encoded, blanks) = (0, 0) }
            return
        }
        encoded = patterns.encoded.step(encoded, byte)
        blanks = 0
        let matched = patterns.encoded.matched(encoded)
        guard matched > 0 else { return }
        let start = Self.start(of: matched, in: plain[...place])
        for masked in start...place where !SecretPatterns.isBlank(plain[masked]) { out[masked] = Redactor.mask }
    }

    /// How many of the last bytes may be the beginning of a value, of which there are so many.
    ///
    /// A line is not held back for a few last letters from which something encoded could go on in the next one.
    fileprivate func pending(in plain: [UInt8], atLeast shortest: Int = 1) -> Int {
        let (whole, begun) = (patterns.written.pending(written), patterns.encoded.pending(encoded))
        let needed = plain.last == 0x0A ? Redactor.telling : shortest
        return max(whole >= shortest ? whole : 0, begun >= needed ? plain.count - Self.start(of: begun, in: plain[...]) : 0)
    }

    /// Where the last so many bytes begin that are not blank.
    private static func start(of count: Int, in bytes: ArraySlice<UInt8>) -> Int {
        var (place, left) = (bytes.endIndex, count)
        while left > 0, place > bytes.startIndex {
            place -= 1
            if !SecretPatterns.isBlank(bytes[place]) { left -= 1 }
        }
        return place
    }
}

extension SecretPatterns {
    /// The text with every secret masked.
    package func masked(_ text: String) -> String {
        isEmpty ? text : String(decoding: masked(Array(text.utf8)), as: UTF8.self)
    }

    /// The bytes with every secret masked.
    func masked(_ bytes: [UInt8]) -> [UInt8] {
        var redactor = Redactor(self)
        let start = redactor.take(bytes)
        return start + redactor.finish(isCut: false)
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
