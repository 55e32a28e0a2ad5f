import FlowCommand
import FlowModel
import Testing

@Suite("What is shown cannot steer a terminal", .timeLimit(.minutes(10)))
struct DisplayTests {
    @Test func `control characters and direction marks become visible`() {
        let hostile = "a\u{1B}[2Jb\u{07}\u{9B}31m\u{202E}cod\u{7F}\n"
        let shown = hostile.neutralised()
        #expect(shown == "a␛[2Jb␇<U+9B>31m<U+202E>cod␡␊")
        #expect("Ünïcödé 漢字 👍".neutralised() == "Ünïcödé 漢字 👍")
        #expect("a\tb\n".neutralised(keeping: ["\n", "\t"]) == "a\tb\n")
    }

    @Test(arguments: [
        (0.04, "0.0 s"), (0.84, "0.8 s"), (9.94, "9.9 s"), (9.96, "10 s"), (41, "41 s"), (192, "3 min 12 s"),
        (7_500, "2 h 5 min"),
        (273_600, "3 d 4 h"), (-1, "0.0 s"),
    ])
    func `durations are short and never wrong by a unit`(seconds: Double, text: String) {
        #expect(durationText(seconds) == text)
    }

    @Test func `ids are shown as long as it takes to tell them apart, and never end in a dash`() {
        let ids = [
            "019a9c31-7d2e-7c4b-8f10-0123456789ab", "019a9c31-7d2e-7c4b-8f11-0123456789ab",
            "019a9c31-7d2f-7000-8000-000000000000",
        ]
        .compactMap { RunID($0) }
        #expect(ShortIDs([ids[0], ids[2]])[ids[0]] == "019a9c31-7d2e")
        let short = ids.map { ShortIDs(ids)[$0] }
        #expect(Set(short).count == 3)
        for (id, text) in zip(ids, short) { #expect(id.text.hasPrefix(text) && !text.hasSuffix("-")) }
    }

    @Test(arguments: ["plain-1.2", "", "a b", "it's", "$(rm -rf /)", "a\nb", "*", "deploy[web-1]/switch", "'\u{301}; id", "a\u{301}"])
    func `a quoted word is one argument for a shell`(word: String) throws {
        #expect(try shellArguments("printf '%s\\0' \(shellQuoted(word))") == [word])
    }

    @Test func `tables fit the screen and lose no column`() {
        var table = Table("run", "what for")
        table.add("019a", .init(String(repeating: "long ", count: 40)))
        let lines = table.lines(style: Style(), width: 40)
        #expect(lines.allSatisfy { $0.count <= 40 })
        #expect(lines[1].hasSuffix("…"))
        #expect(table.lines(style: Style())[1].count > 100, "a pipe gets everything")
    }
}
