import FlowTestKit
import Foundation
import Testing

@Suite("Undo and calls", .serialized, .timeLimit(.minutes(2)))
struct UndoProcessTests {
    @Test func `a run that called another flow is undone, with the engine killed in both`() async throws {
        let place = try Installation()
        var flowd = try await place.flowd()
        let run = try await place.start("service.swift", "-p", "folder=\(place.directory)", "-p", "name=shop")
        try await place.wait("the machine to be made") { place.read("ran").contains("create shop") }
        let why = try await place.flowctl("why", run).stdout
        #expect(why.contains("child") || why.contains("run 0"), "\(why)")
        await flowd.kill()
        flowd = try await place.flowd()
        try await place.wait("the end") { try await place.state(of: run) == "succeeded" }
        #expect(lines(place).prefix(2) == ["network", "create shop"])
        #expect(Set(lines(place).dropFirst(2)) == ["register vm-shop", "monitor"])
        let children = try await place.flowctl("list", "--where", "label.parent=\(run)", "-o", "json").items()
        #expect(children.count == 1 && children.first?["flow"] as? String == "make-machine")

        let preview = try await place.flowctl("undo", run, "--dry-run")
        let stages = preview.stdout.split(separator: "\n").map { $0.split(separator: " ").map(String.init) }
        #expect(
            stages.map { Array($0.prefix(2)) } == [
                ["STAGE", "STEP"], ["1", "register"], ["1", "monitor"], ["2", "machine"], ["3", "network"],
            ] || stages.count == 5, "\(preview.stdout)")
        #expect(try await place.flowctl("undo", run).status == 2, "a reason is asked for")
        #expect(try await place.flowctl("undo", run, "-m", "not wanted any more").status == 0)
        try await place.wait("the machine's undo to begin") { lines(place).contains("unregister") && lines(place).contains("forget") }
        await flowd.kill()
        flowd = try await place.flowd()
        try await place.wait("the undo to end") { try await place.state(of: run) == "cancelled" }
        #expect(Set(lines(place)[4..<6]) == ["unregister", "forget"])
        #expect(Array(lines(place)[6...]) == ["delete vm-shop", "remove-network"], "once each, in this order: \(lines(place))")
        let shown = try await place.flowctl("show", run).stdout
        #expect(shown.contains("4 of 4 undone"), "\(shown)")
        #expect(try await place.flowctl("undo", run, "-m", "again").status == 4, "there is nothing left")
        #expect(try await place.flowctl("doctor").status == 0)
        await flowd.terminate()
    }

    private func lines(_ place: Installation) -> [String] { place.read("ran").split(separator: "\n").map(String.init) }
}
