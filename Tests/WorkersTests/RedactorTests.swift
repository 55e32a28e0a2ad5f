import FlowModel
import Foundation
import Testing
import Workers

@Suite("Redactor")
struct RedactorTests {
    private let secret = "s3cr3t/with+odd \"chars\"&ünïcode"

    private func masked(_ text: String, secrets: [String], pieces: Int) -> String {
        var redactor = Redactor(SecretPatterns(secrets))
        var out: [UInt8] = []
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            out += redactor.take(Array(rest.prefix(pieces)))
            rest = rest.dropFirst(pieces)
        }
        return String(decoding: out + redactor.finish(isCut: false), as: UTF8.self)
    }

    @Test(arguments: [1, 2, 3, 7, 1_000]) func `a secret is masked in every form and over every chunk border`(pieces: Int) {
        let bytes = Array(secret.utf8)
        let hex = bytes.map { String(format: "%02x", $0) }.joined()
        let base64 = Data(bytes).base64EncodedString()
        let url = bytes.map { byte in
            Character(UnicodeScalar(byte)).isASCII && (Character(UnicodeScalar(byte)).isLetter || Character(UnicodeScalar(byte)).isNumber)
                ? String(UnicodeScalar(byte)) : String(format: "%%%02X", byte)
        }.joined()
        let json = JSON.string(secret).canonical
        for form in [secret, hex, hex.uppercased(), base64, url, json] {
            let core = form.trimmingCharacters(in: CharacterSet(charactersIn: "=\""))
            let out = masked("before \(form) after", secrets: [secret], pieces: pieces)
            #expect(out.hasPrefix("before "))
            #expect(out.hasSuffix(" after"))
            // What is left of it tells nothing: at most the last characters of base64, which hold a few bits.
            let left = out.dropFirst(7).dropLast(6).filter { $0 != "*" && $0 != "=" && $0 != "\"" }
            #expect(left.count <= 1, "\(core) became \(out)")
            #expect(out.utf8.count == "before \(form) after".utf8.count, "lengths stay")
        }
    }

    @Test(arguments: 0..<3) func `a secret inside a longer base64 text is masked`(position: Int) {
        let text = String(repeating: "u", count: position) + secret + ":tail"
        let encoded = Data(text.utf8).base64EncodedString()
        let out = masked(encoded, secrets: [secret], pieces: 5)
        #expect(out.filter { $0 == "*" }.count >= secret.utf8.count * 8 / 6 - 1)
    }

    @Test func `overlapping and nested secrets are all masked`() {
        #expect(masked("xabcdefghix", secrets: ["abcdef", "defghi"], pieces: 1) == "x*********x")
        #expect(masked("abcd", secrets: ["bc", "abcdz"], pieces: 1) == "a**d")
        #expect(masked("aaaaaab", secrets: ["aaab"], pieces: 2) == "aaa****")
    }

    @Test func `text without secrets is left as it is`() {
        #expect(masked("s3cr3t/with+odd", secrets: [secret], pieces: 4) == "s3cr3t/with+odd")
        #expect(masked("anything", secrets: [], pieces: 3) == "anything")
    }

    @Test func `the beginning of a secret at a cut is masked`() {
        var redactor = Redactor(SecretPatterns(["supersecret"]))
        let out = redactor.take(Array("x supersec".utf8)) + redactor.finish(isCut: true)
        #expect(String(decoding: out, as: UTF8.self) == "x ********")
    }

    @Test func `each long line of a secret of several lines is masked`() {
        let out = masked("  line one is long\nno\n", secrets: ["line one is long\nline two is long"], pieces: 3)
        #expect(out == "  ****************\nno\n")
    }

    @Test func `values are masked in texts, names and numbers, and made fit to be kept`() {
        let value: JSON = ["hunter22": "a hunter22", "n": 12_345_678, "nul": .string("a\0\u{E0F1}b"), "ok": [true, 1]]
        let kept = SecretPatterns(["hunter22", "12345678"]).masked(value)
        #expect(kept == ["********": "a ********", "n": "********", "nul": "a\u{FFFD}\u{FFFD}b", "ok": [true, 1]])
    }

    @Test func `a hostile stream costs time linear in its length`() {
        let secret = String(repeating: "a", count: 4_000) + "b"
        let flood = [UInt8](repeating: UInt8(ascii: "a"), count: 4 << 20)
        var redactor = Redactor(SecretPatterns([secret]))
        let clock = ContinuousClock()
        let time = clock.measure { _ = redactor.take(flood) }
        #expect(time < .seconds(10), "4 MiB took \(time)")
    }
}
