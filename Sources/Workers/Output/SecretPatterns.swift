import FlowModel
import FoundationEssentials

/// The forms in which a secret value may turn up in output, as an automaton that finds all of them in one pass (Aho and
/// Corasick, 1975).
///
/// A form is the value as it is and as programs quote it: percent-encoded, in JSON, HTML, and the quotes of shells and Python (`SecretSpelling`),
/// with what `echo` makes of its backslashes. Values of eight bytes and more also have base64 (both alphabets, at each of the three positions
/// in a longer text) and hexadecimal (both cases), and each long line of a value of several lines: of shorter ones they are too common.
package struct SecretPatterns: Sendable {
    package static let none = SecretPatterns([])

    /// The next state by state and byte; what is missing is found over `fallback`.
    private var edges: [UInt64: Int32] = [:]
    private var fallback: [Int32] = [0]
    private var depth: [Int32] = [0]
    /// The length of the longest form that ends in a state.
    private var found: [Int32] = [0]
    /// Whether a form begins with a byte: most bytes begin none.
    private var begins = [Bool](repeating: false, count: 256)

    var isEmpty: Bool { depth.count == 1 }

    package init(_ secrets: some Sequence<String>) {
        for form in Set(secrets.flatMap(SecretPatterns.forms)) where !form.isEmpty { add(form) }
        connect()
    }

    /// Where the automaton is after `byte`.
    func step(_ state: Int32, _ byte: UInt8) -> Int32 {
        var state = state
        while state != 0 {
            if let next = edges[SecretPatterns.key(state, byte)] { return next }
            state = fallback[Int(state)]
        }
        return begins[Int(byte)] ? edges[SecretPatterns.key(0, byte)] ?? 0 : 0
    }

    /// How many of the last bytes may be the beginning of a form.
    func pending(_ state: Int32) -> Int { Int(depth[Int(state)]) }

    /// How many of the last bytes are a form.
    func matched(_ state: Int32) -> Int { Int(found[Int(state)]) }

    private static func key(_ state: Int32, _ byte: UInt8) -> UInt64 { UInt64(UInt32(bitPattern: state)) << 8 | UInt64(byte) }

    private mutating func add(_ form: [UInt8]) {
        begins[Int(form[0])] = true
        var state: Int32 = 0
        for byte in form {
            let key = SecretPatterns.key(state, byte)
            if let next = edges[key] {
                state = next
            } else {
                depth.append(depth[Int(state)] + 1)
                found.append(0)
                fallback.append(0)
                state = Int32(depth.count - 1)
                edges[key] = state
            }
        }
        found[Int(state)] = Int32(form.count)
    }

    /// Fallbacks, from the states near the root to those far from it.
    private mutating func connect() {
        let inOrder = edges.sorted { depth[Int($0.value)] < depth[Int($1.value)] }
        for (key, state) in inOrder {
            let (parent, byte) = (Int32(truncatingIfNeeded: key >> 8), UInt8(truncatingIfNeeded: key))
            if parent != 0 { fallback[Int(state)] = step(fallback[Int(parent)], byte) }
            found[Int(state)] = max(found[Int(state)], found[Int(fallback[Int(state)])])
        }
    }

    // MARK: - Forms

    private static let shortestEncoded = 8

    private static func forms(of secret: String) -> [[UInt8]] {
        var forms = SecretSpelling.all(of: secret)
        let plain = Array(secret.utf8)
        guard plain.count >= shortestEncoded else { return forms }
        forms += base64Forms(plain)
        for digits in ["0123456789abcdef", "0123456789ABCDEF"] { forms.append(hexadecimal(plain, Array(digits.utf8))) }
        // In a dump or behind a prefix a value of several lines stands line by line.
        for whole in [plain, SecretSpelling.echoed(plain)] {
            let lines = whole.split(whereSeparator: { $0 == 0x0A || $0 == 0x0D })
            if lines.count > 1 { forms += lines.filter { $0.count >= shortestEncoded }.map { Array($0) } }
        }
        return forms
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
