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

    /// Prints the value of `$S` as many programs do.
    private static let programs = #"""
        python3 - <<'EOF'
        import html, json, os, re, shlex, urllib.parse as url
        s = os.environ["S"]
        lower = lambda text: re.sub("%..", lambda found: found[0].lower(), text)
        print(json.dumps(s), json.dumps({"a": [s]}, ensure_ascii=False), html.escape(s), html.escape(s, quote=False), sep="\n")
        print(shlex.quote(s), repr(s), repr(os.environb[b"S"]), url.quote(s), url.quote_plus(s), lower(url.quote(s, safe="")), sep="\n")
        print(lower(url.quote_plus(s)), s.encode().hex(), sep="\n")
        EOF
        exec 2>&1
        bash -c 'printf "%q\n" "$S"; echo "${S@Q}"; declare -p S; echo -e "$S"; set -x; : "$S"'
        sh -c 'set -x; : "$S"'
        sh -c 'echo "$S"; export -p | grep -A9 " S="'
        printf '%b\n' "$S"
        """#

    @Test(arguments: [
        #"pa'ss "word" <b>&amp; $HOME ünï/çode"#, #"line one\nline two\ttab"#, "real\nnew line's \"end\"\ttab", "日本語パスワード+=&", "qz'vw", "tab\tand😀",
    ]) func `what real programs print of a secret is masked`(secret: String) async throws {
        let printed = try await runHere(Self.programs, environment: ["S": secret]).text
        #expect(printed.split(separator: "\n").count >= 18, "\(printed)")
        let out = masked(printed, secrets: [secret], pieces: 64)
        // Parts of it that every form leaves as they are.
        for word in ["ss", "word", "line", "one", "two", "real", "new", "ünï", "\\u00fc", "日本", "%E6", "%e6", "qz", "vw", "tab", "and"] {
            #expect(!out.contains(word), "'\(word)' is left: \(out)")
        }
    }

    @Test(arguments: [
        // PHP, Go, Java (Gson), .NET, Go's templates, PHP's htmlspecialchars, JavaScript's encodeURIComponent and encodeURI, Java's URLEncoder.
        (#"a/b-secret/ü"#, #"a\/b-secret\/\u00fc"#), (#"<key>&'x'=1"#, #"\u003ckey\u003e\u0026'x'=1"#),
        (#"<key>&'x'=1"#, #"\u003ckey\u003e\u0026\u0027x\u0027\u003d1"#), (#"pass"wörd'+"#, #"pass\u0022w\u00F6rd\u0027\u002B"#),
        (#"a"b'c+d<e"#, "a&#34;b&#39;c&#43;d&lt;e"), (#"a"b'c&d"#, "a&quot;b&#039;c&amp;d"), ("it's (so) *good*!", "it's%20(so)%20*good*!"),
        ("a b/c?d=ü&e", "a%20b/c?d=%C3%BC&e"), ("a b~c*d/é", "a+b%7Ec*d%2F%C3%A9"),
    ]) func `forms of programs that are not here are masked`(secret: String, form: String) {
        #expect(masked("<\(form)>", secrets: [secret], pieces: 3) == "<" + String(repeating: "*", count: form.utf8.count) + ">")
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
