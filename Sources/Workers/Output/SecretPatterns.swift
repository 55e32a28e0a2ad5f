import FlowModel
import FoundationEssentials
import Synchronization

/// The forms in which a secret value may turn up in output, all of which are found in one pass.
///
/// A form is the value as it is and as programs quote it: percent-encoded, in JSON, HTML, and the quotes of shells and Python (`SecretSpelling`),
/// with what `echo` makes of its backslashes, and without the blanks and line ends around it. Values of eight bytes and more also have base64 (both
/// alphabets, at each of the three positions in a longer text) and hexadecimal (both cases), also where these are broken into lines or groups. Each
/// line of eight bytes and more of a value of several lines is a value of its own: it has all forms. Shorter ones are too common.
package struct SecretPatterns: Sendable {
    package static let none = SecretPatterns([])

    /// The value as it is or quoted.
    let written: SecretAutomaton
    /// What a program may break into lines.
    let encoded: SecretAutomaton

    var isEmpty: Bool { written.isEmpty && encoded.isEmpty }

    /// Those of sets that were asked for last: all attempts of a run have the same, and to make them costs more than what most of them write.
    private static let made = Mutex<[(secrets: Set<String>, patterns: SecretPatterns)]>([])

    /// As `init`, made once for the attempts of a run, if they were not made beside each other.
    static func known(_ secrets: Set<String>) -> SecretPatterns {
        guard !secrets.isEmpty else { return .none }
        if let found = kept(secrets) { return found }
        // Not under the lock: large ones take a second, and others would wait who have theirs already.
        let patterns = SecretPatterns(secrets)
        made.withLock { made in
            made.removeAll { $0.secrets == secrets }
            made.insert((secrets, patterns), at: 0)
            var room = WorkerLimits.keptSecretBytes
            // The newest stays in any case: its attempts have it.
            made = made.enumerated().prefix { number, set in
                room -= set.secrets.reduce(0) { $0 + $1.utf8.count }
                return number == 0 || room >= 0
            }.map(\.element)
        }
        return patterns
    }

    static func kept(_ secrets: Set<String>) -> SecretPatterns? {
        made.withLock { made in made.first { $0.secrets == secrets }?.patterns }
    }

    package init(_ secrets: some Sequence<String>) {
        let values = Set(secrets.flatMap(SecretPatterns.values))
        written = SecretAutomaton(Set(values.flatMap(SecretSpelling.all)))
        encoded = SecretAutomaton(Set(values.flatMap(SecretPatterns.encodings)))
    }

    // MARK: - Forms

    private static let shortestEncoded = 8

    /// The secret, what is left of it without what is blank around it (a file ends with a line end, and `$(…)` takes that away), and its lines: in
    /// a dump or behind a prefix one of several lines stands line by line, however its lines are indented there.
    private static func values(of secret: String) -> [String] {
        let plain = Array(secret.utf8)
        let lines = [plain, SecretSpelling.echoed(plain)].flatMap { whole in
            let lines = whole.split(whereSeparator: { $0 == 0x0A || $0 == 0x0D })
            return lines.count > 1 ? lines.map { trimmed($0) } : []
        }
        let ends = [plain[...], trimmed(plain[...])].map { String(decoding: $0, as: UTF8.self) }
        return ends + lines.filter { $0.count >= shortestEncoded }.map { String(decoding: $0, as: UTF8.self) }
    }

    private static func trimmed(_ line: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        line.drop(while: isBlank).reversed().drop(while: isBlank).reversed()[...]
    }

    /// Space, tab and line ends.
    static func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 || byte == 0x0A || byte == 0x0D }

    private static func encodings(of secret: String) -> [[UInt8]] {
        let plain = Array(secret.utf8)
        guard plain.count >= shortestEncoded else { return [] }
        return base64Forms(plain) + ["0123456789abcdef", "0123456789ABCDEF"].map { hexadecimal(plain, Array($0.utf8)) }
    }

    private static func hexadecimal(_ bytes: [UInt8], _ digits: [UInt8]) -> [UInt8] {
        bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }
    }

    /// What of the secret's base64 does not depend on the text around it, for each position of its first byte in a group of three.
    private static func base64Forms(_ bytes: [UInt8]) -> [[UInt8]] {
        (0..<3).flatMap { position in
            let encoded = Array(Data([UInt8](repeating: 0, count: position) + bytes).base64EncodedString().utf8)
            let own = Array(encoded[(position * 8 + 5) / 6..<(position + bytes.count) * 8 / 6])
            let urlSafe: [UInt8] = own.map { $0 == UInt8(ascii: "+") ? UInt8(ascii: "-") : $0 == UInt8(ascii: "/") ? UInt8(ascii: "_") : $0 }
            return [own, urlSafe]
        }
    }
}
