import FlowDSL

struct Say: Codable, Sendable {
    var text: String
}

/// Maps some of whose elements hand nothing out, read in every way that says so.
@main struct Gaps: Flow {
    var body: some FlowBody {
        let tried = map("tried", over: ["a", "b", "c"], minSucceeded: .count(0)) { letter in
            shell("one", "test \(letter) != b && echo \(letter)")
        }
        let ignored = map("ignored", over: ["a", "b", "c"], minSucceeded: .count(0)) { letter in
            shell("one", "test \(letter) != b && echo \(letter)", onFailure: .ignore)
        }
        let said = step("table", tried, ignored) { _, tried, ignored in
            Say(text: (tried + ignored).map { $0?.stdout ?? "-" }.joined(separator: " "))
        }
        // Nobody reads it, or how many they are is all that is read.
        let unread = map("unread", over: ["a", "b"]) { letter in
            shell("one", "test \(letter) != b", onFailure: .ignore)
        }
        when(unread.count == 2) { shell("two", "true") }
        // What it reads has a value in any case.
        let sure = map("sure", over: ["a", "b"]) { letter in
            let one = shell("one", "test \(letter) != b && echo yes", onFailure: .ignore)
            shell("say", "echo \(one.stdout.default("no"))")
        }
        step("check", sure, said) { context, sure, said -> Say in
            context.log(said.text)
            return Say(text: said.text + "; " + sure.map(\.stdout).joined(separator: " "))
        }
    }
}
