import FlowDSL

struct Size: Codable, Sendable { var minutes: Int; var size: String }

/// Two gates: one takes two people and asks them for values, one escalates.
@main struct Gates: Flow {
    @Param("What is released") var version: String
    @Param("File that tells what ran") var ran: String

    var body: some FlowBody {
        let go = approval(
            "go", "Release \($version)?", fields: [.int("minutes", "How long", default: 5), .choice("size", ["s", "m"])], output: Size.self,
            rules: [.role("release-manager", count: 2)], veto: .role("director"))
        shell("ship", "echo \($version) \(go.output.minutes) \(go.output.size) >>\($ran)")
        approval(
            "late", "Announce it?", rules: [.role("release-manager")], deadline: .seconds(3),
            onDeadline: .escalate(to: [.any(.role("director"), .person("nobody"))]))
        shell("announce", "echo announced >>\($ran)")
    }
}
