import FlowDSL

struct Message: Codable, Sendable {
    var word: String
}

/// Waits for a word, marks it twice, and goes round until three lines are there.
@main struct Signals: Flow {
    @Param("Where the marks go") var folder: String

    var body: some FlowBody {
        let go = waitFor("go", as: Message.self, timeout: .hours(1))
        map("work", over: [1, 2], width: 2) { number in
            shell("mark", "echo \(go.word) \(number) >>\($folder)/ran")
        }
        repeatUntil("rounds", every: .seconds(0), atMost: 10) {
            let round = shell("round", "echo round >>\($folder)/ran; grep -c round \($folder)/ran")
            until(round.stdout.contains("3"))
        }
        switchOn(go.word) {
            on("early") { shell("early", "true") }
            otherwise { shell("late", "true") }
        }
    }
}
