import FlowModel
import Foundation
import Testing
import Workers

@Suite("Redactor", .timeLimit(.minutes(10)))
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
        print(json.dumps(json.dumps(s)), json.dumps(json.dumps({"p": s}, ensure_ascii=False), ensure_ascii=False), ascii(s), sep="\n")
        print(s.encode("unicode_escape").decode(), ascii([s]), sep="\n")
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
        for word in [
            "ss", "word", "line", "one", "two", "real", "new", "ünï", "\\u00fc", "日本", "%E6", "%e6", "\\u65e5", "\\xfc", "qz", "vw", "tab", "and",
        ] {
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

    /// As `base64` (76), `openssl base64` (64), `xxd -p` (60), `od -An -tx1` and an indented block of YAML write it.
    @Test(arguments: [1, 3, 1_000]) func `what is encoded is masked over line ends and groups`(pieces: Int) {
        let secret = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhZG1pbiIsImV4cCI6OTk5OTk5OTk5OX0.c2lnbmF0dXJlLXRoYXQtaXMtc2VjcmV0"
        let key = "-----BEGIN KEY-----\nMC4CAQAwBQYDK2VwBCIEIKBGqqKEIKBGqqKE\nlVUlr//co6wn5W8VoQ4KHSvMGrwhLeFGnUc=\n-----END KEY-----\n"
        func broken(_ text: String, _ width: Int, _ end: String) -> String {
            stride(from: 0, to: text.count, by: width).map { String(text.dropFirst($0).prefix(width)) }.joined(separator: end)
        }
        for secret in [secret, key] {
            let bytes = Array(secret.utf8)
            let base64 = Data(bytes).base64EncodedString()
            let hex = bytes.map { String(format: "%02x", $0) }.joined()
            for text in [
                broken(base64, 76, "\n"), broken(base64, 64, "\r\n"), broken(base64, 20, "\n      "), broken(hex, 60, "\n"), broken(hex, 2, " "),
            ] {
                let out = masked("<\(text)>", secrets: [secret], pieces: pieces)
                let left = out.utf8.dropFirst().dropLast().filter { !"* \r\n=".utf8.contains($0) }
                #expect(left.count <= 1 && out.utf8.count == text.utf8.count + 2, "\(out)")
            }
        }
        // Blanks between are text, where too many of them stand for a break.
        let far = broken(Data(secret.utf8).base64EncodedString(), 60, String(repeating: " ", count: 100))
        #expect(masked(far, secrets: [secret], pieces: pieces) == far)
    }

    @Test(arguments: ["hunter2-Secret\n", "  hunter2-Secret", "hunter2-Secret\r\n\r\n", "\thunter2-Secret "])
    func `a secret is masked without what is blank around it`(secret: String) {
        #expect(masked("-p 'hunter2-Secret' refused", secrets: [secret], pieces: 4) == "-p '**************' refused")
        #expect(!masked(Data("hunter2-Secret".utf8).base64EncodedString(), secrets: [secret], pieces: 4).contains("aHVudGV"))
    }

    @Test func `a line is not held back for its last letters, nor are these masked when it is let go of`() {
        // In base64 it begins with 'c', in hexadecimal with '7'.
        var redactor = Redactor(SecretPatterns(["supersecret"]))
        for line in ["abc\n", "at 7\n", "c3\n"] { #expect(String(decoding: redactor.take(Array(line.utf8)), as: UTF8.self) == line) }
        let text = "for abc"
        #expect(String(decoding: redactor.take(Array(text.utf8)) + redactor.release(), as: UTF8.self) == text)
    }

    @Test func `what is released is masked, and so is what follows it`() {
        var redactor = Redactor(SecretPatterns(["supersecret"]))
        let first = redactor.take(Array("x supers".utf8)) + redactor.release()
        let second = redactor.take(Array("ecret y".utf8)) + redactor.finish(isCut: false)
        #expect(String(decoding: first + second, as: UTF8.self) == "x *********** y")
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

    @Test func `each long line of a secret of several lines is masked, in every form and however it is indented`() {
        let secret = "line \"one\" is long\n\t  line 'two' is long\nno\n"
        #expect(masked("  line \"one\" is long\nno\n", secrets: [secret], pieces: 3) == "  ******************\nno\n")
        for form in [#"["line 'two' is long"]"#, #"line \'two\' is long"#, #"    line &#x27;two&#x27; is long"#, "\(["line 'two' is long"])"] {
            #expect(!masked(form, secrets: [secret], pieces: 4).contains("two"), "\(form)")
        }
        let hex = Array("line 'two' is long".utf8).map { String(format: "%02x", $0) }.joined()
        #expect(masked(hex, secrets: [secret], pieces: 5).allSatisfy { $0 == "*" })
    }

    private struct Refused: Error { var why: String }

    @Test(arguments: [#"Tr0ub4dor'&"3xtra"#, "esc\u{1B}[S3cr3t\u{7F}", #"back\slash"quoted"#, "two lines\nof 'it'\tand\0more", "ünïcode '日本'"])
    func `what Swift makes of a text is masked`(secret: String) {
        let texts = [
            "\(Refused(why: "login with \(secret) refused"))", "\([secret])", "\(String(describing: Optional(secret)))", secret.debugDescription,
            "\(["key": secret])", "\(["\([secret])"])", "\(Refused(why: "\(Refused(why: secret))"))",
            JSON.string(JSON.object(["password": .string(secret)]).canonical).canonical,
        ]
        for text in texts {
            let out = masked(text, secrets: [secret], pieces: 7)
            for word in ["Tr0ub", "dor", "3xtra", "esc", "S3cr3t", "back", "slash", "quoted", "two", "of", "more", "code", "日本"] {
                #expect(!out.contains(word), "'\(word)' is left of \(text): \(out)")
            }
        }
    }

    @Test(arguments: [1, 2, 5, 100]) func `sets that are added are masked beside each other, over every chunk border`(pieces: Int) {
        var redactor = Redactor(SecretPatterns(["abcdef"]))
        var out = redactor.take(Array("x abcdef abc".utf8))
        redactor.add(SecretPatterns(["defghi", "0123456789"]))
        redactor.add(SecretPatterns([]))
        var rest = Array("defghix 0123".utf8)[...]
        while !rest.isEmpty {
            out += redactor.take(Array(rest.prefix(pieces)))
            rest = rest.dropFirst(pieces)
        }
        #expect(String(decoding: out, as: UTF8.self) == "x ****** *********x ")
        out += redactor.finish(isCut: true)
        #expect(String(decoding: out, as: UTF8.self) == "x ****** *********x ****")
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
