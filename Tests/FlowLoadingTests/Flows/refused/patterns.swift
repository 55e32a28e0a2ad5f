// swift-format-ignore-file
import FlowDSL

struct Answer: Codable, Sendable { var ticket: String }

@main struct Sample: Flow {
    @Param("Unfinished", pattern: "[") var version: String
    @Param("Looks behind", pattern: #"(?<!db)[a-z]+"#)
    var host: String
    @Param("Goes back", pattern: #"([a-z])\1"#) var pair: String

    var body: some FlowBody {
        approval("gate", "?", fields: [.string("ticket", pattern: "(?=O)OPS-[0-9]+")], output: Answer.self)
        shell("x", "true")
    }
}
// expect 7: its pattern [ is not one: it ends in the middle
// expect 8: looking behind, (?<=…) or (?<!…), cannot be matched in bounded time, at character 1
// expect 10: a reference to a group cannot be matched in bounded time, at character 8
// expect 13: its field 'ticket' has a pattern that is not one
