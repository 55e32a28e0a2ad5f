import FlowModel
import Testing

@Suite("Patterns", .timeLimit(.minutes(10)))
struct PatternTests {
    private func matches(_ pattern: String, _ text: String) throws -> Bool? {
        var steps = Limits.patternSteps
        return try Pattern(pattern).matches(text, steps: &steps)
    }

    private static let table: [(String, [String], [String])] = [
        ("", [""], ["a"]), ("a*", ["", "aaa"], ["b", "aab"]), ("a|bc|", ["a", "bc", ""], ["b", "abc"]), ("(ab)+c?", ["ab", "ababc"], ["", "abcc"]),
        (#"\d+\.\d+\.\d+"#, ["1.4.2", "10.0.12"], ["1.4", "1.4.2-rc", "1x4x2"]), ("[a-c_-]{2,3}", ["ab", "c_-"], ["a", "abcd", "ad"]),
        ("[^/]+", ["web-1", "ä b"], ["a/b", ""]), ("[]a]+", ["]a"], ["b"]), (#"[\w.]+@[\w.]+"#, ["ops@example.org", "müller@x"], ["@x", "a b@x"]),
        ("x{2}", ["xx"], ["x", "xxx"]), ("x{,2}", ["", "xx"], ["xxx"]), ("x{2,}", ["xxxx"], ["x"]), ("a{b}", ["a{b}"], ["ab"]),
        ("^web-[0-9]+$", ["web-12"], ["xweb-1", "web-"]), (#"\Aa\z"#, ["a"], ["aa"]), ("a.c", ["abc", "aéc"], ["a\nc", "ac"]),
        ("(?s)a.c", ["a\nc"], ["ac"]), ("(?i)Web-ÄÖ", ["wEB-äö"], ["web"]), ("x(?i)a|b", ["xA", "B"], ["XA", "xb"]), ("x(?i:a)b", ["xAb"], ["xAB"]),
        (#"\bweb\b.*"#, ["web 1", "web"], ["webs"]), (#"\Q1.2+\E\.x"#, ["1.2+.x"], ["112.x"]), (#"[[:alpha:]]+[[:digit:]]?"#, ["abc1"], ["1"]),
        (#"\p{Lu}\p{Ll}+"#, ["Österreich"], ["österreich"]), (#"\x41\u0042\u{43}"#, ["ABC"], ["abc"]), ("(?<major>\\d)(?P<minor>\\d)", ["12"], ["1"]),
        ("(?m)a$\n^b", ["a\nb"], ["ab"]), ("(a*)*b", ["b", "aaab"], ["aaa"]), ("[a-z]+?", ["abc"], ["1"]), ("()*", [""], ["a"]),
    ]

    @Test(arguments: table) func `match whole texts`(pattern: String, yes: [String], no: [String]) throws {
        for text in yes { #expect(try matches(pattern, text) == true, "\(pattern) and '\(text)'") }
        for text in no { #expect(try matches(pattern, text) == false, "\(pattern) and '\(text)'") }
    }

    private static let refused = [
        ("(?<=a)b", "looking behind"), ("a(?!b)", "looking ahead"), (#"(a)\1"#, "a reference to a group"), (#"\k<a>"#, "a reference to a group"),
        ("(?>a)", "an atomic group"), ("a++", "possessive"), ("[", "ends in the middle"), ("(a", "without its ')'"), ("a)", "without its '('"),
        ("*a", "nothing to repeat"), ("a**", "nothing to repeat"), ("a{3,2}", "at least 3 and at most 2"), ("a{1001}", "more than 1000"),
        ("[b-a]", "a range"), (#"\y"#, #"'\y' is not known"#), (#"\p{Greek}"#, "no general category"), ("[a&&b]", "'&&'"), ("[[a]]", "a '['"),
        ("(?x)a", "not known"), ("((a{100}){100}){100}", "more than 1000 states"),
        ("(((){1000}){1000}){1000}(a{1000}){1000}", "more than 1000 states"),
        (String(repeating: "(", count: 51), "more than 50 groups"), (#"\x{110000}"#, "no number of a character"), ("a\\", "ends in the middle"),
    ]

    @Test(arguments: refused) func `what cannot be matched in bounded time, or is none, is named`(pattern: String, says: String) {
        let fault = Pattern.fault(in: pattern)
        #expect(fault?.contains(says) == true, "\(pattern): \(fault ?? "taken")")
    }

    /// Tried again from each place, these take longer than there is time.
    @Test(arguments: [#"([a-z0-9-]+\.?)+"#, "([a-z0-9-]+,?)+", "(a|a)*", "(a|aa)+", "(a*)*", "((a+)+)+", "(a?){40}a{40}"])
    func `what grows without bound elsewhere takes no more steps than its states and the text's characters`(pattern: String) throws {
        let compiled = try Pattern(pattern)
        for count in [41, 20_000] {
            var steps = Limits.patternSteps
            #expect(compiled.matches(String(repeating: "a", count: count) + "!", steps: &steps) == false)
            #expect((1...200).contains((Limits.patternSteps - steps) / (count + 2)))
        }
        var few = 1_000
        #expect(compiled.matches(String(repeating: "a", count: 1_000), steps: &few) == nil && few == 1_000)
    }

    @Test func `mean what they meant to Swift's own engine`() throws {
        var random = Seeded(state: 11)
        var matched = 0
        for _ in 0..<600 {
            let pattern = Self.pattern(depth: 2, &random)
            let (ours, swifts) = (try Pattern(pattern), try Regex(pattern))
            for _ in 0..<6 {
                let text = String((0..<Int.random(in: 0...7, using: &random)).map { _ in "ab1-. \n".randomElement(using: &random) ?? "a" })
                var steps = Limits.patternSteps
                let theirs = try swifts.wholeMatch(in: text) != nil
                #expect(ours.matches(text, steps: &steps) == theirs, "\(pattern) and \(text.debugDescription)")
                if theirs { matched += 1 }
            }
        }
        #expect(matched > 300, "few of the texts match: \(matched)")
    }

    private static func pattern(depth: Int, _ random: inout Seeded) -> String {
        let atoms = ["a", "b", "1", "-", #"\."#, ".", #"\d"#, #"\w"#, #"\s"#, #"\D"#, "[ab]", "[^a1]", "[a-c-]", #"[\d.]"#, "[[:alpha:]]", #"\p{L}"#]
        var text = ""
        for _ in 0..<Int.random(in: 1...3, using: &random) {
            let isGroup = depth > 0 && Int.random(in: 0..<2, using: &random) == 0
            if isGroup {
                let parts = (0..<Int.random(in: 1...2, using: &random)).map { _ in pattern(depth: depth - 1, &random) }
                text += (["(", "(?:"].randomElement(using: &random) ?? "(") + parts.joined(separator: "|") + ")"
            } else {
                text += atoms.randomElement(using: &random) ?? "a"
            }
            // Swift's engine takes exponential time where what is repeated without end is so, too.
            let counts = isGroup ? ["", "", "?", "{1,2}", "{2}"] : ["", "", "", "*", "+", "?", "{2}", "{1,2}", "{0,3}", "*?", "+?"]
            text += counts.randomElement(using: &random) ?? ""
        }
        return text
    }

    /// A fixed row of numbers (SplitMix64).
    private struct Seeded: RandomNumberGenerator {
        var state: UInt64
        mutating func next() -> UInt64 {
            state &+= 0x9E37_79B9_7F4A_7C15
            var value = state
            value = (value ^ value >> 30) &* 0xBF58_476D_1CE4_E5B9
            value = (value ^ value >> 27) &* 0x94D0_49BB_1331_11EB
            return value ^ value >> 31
        }
    }
}
