import FlowCommand
import Foundation
import Testing

@Suite("The command line describes itself", .timeLimit(.minutes(10)))
struct HelpTests {
    @Test func `the reference shows the help of every command, word for word`() async throws {
        var sections = ""
        for words in flowctlCommands() {
            let world = World()
            let status = await runFlowctl(words + ["--help"], in: world.surroundings)
            #expect(status == .succeeded)
            #expect(world.err.isEmpty)
            let help = world.out.split(separator: "\n", omittingEmptySubsequences: false).map(trimmed).joined(separator: "\n")
            let title = (["flowctl"] + words).joined(separator: " ")
            sections += "\n### \(title)\n\n```text\n\(help.trimmingCharacters(in: .newlines))\n```\n"
        }
        let file = folder.appending(path: "../../docs/reference/cli.md").standardizedFileURL
        let page = try String(contentsOf: file, encoding: .utf8)
        let mark = "<!-- The rest is the help of every command; FlowctlTests compares it. -->\n"
        let prose = try #require(page.components(separatedBy: mark).first)
        try expect(prose + mark + sections, at: file)
    }

    private func trimmed(_ line: Substring) -> String {
        var line = line
        while line.last == " " { line.removeLast() }
        return String(line)
    }

    @Test func `every command of the contract is there`() {
        let known = Set(flowctlCommands().map { $0.joined(separator: " ") })
        let contract = [
            "flow add", "flow list", "flow show", "flow check", "flow new", "flow remove", "plan", "run", "exec", "list",
            "show", "steps",
            "watch", "graph", "logs", "why", "pause", "resume", "cancel", "kill", "retry", "skip", "resolve", "approvals",
            "approve",
            "reject", "inventory list", "inventory add", "inventory import-known-hosts", "hosts", "ping", "user add",
            "user link",
            "user list", "user remove", "token create", "token list", "token revoke", "server", "doctor", "backup", "repair", "version",
            "completion",
        ]
        #expect(contract.filter { !known.contains($0) } == [])
    }

    @Test func `completion scripts name the commands`() async {
        for shell in ["bash", "zsh", "fish"] {
            let world = World()
            #expect(await world.run("completion", shell) == .succeeded)
            #expect(world.out.contains("approvals"))
        }
    }
}
