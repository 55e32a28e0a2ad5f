import FlowModel
import FlowTestKit
import Foundation
import Testing

@Suite("flowctl rehearse", .timeLimit(.minutes(5)))
struct RehearseTests {
    private static let repository = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../..").standardizedFileURL
    private static let inventory = """
        hosts:
          web-1: {address: 10.0.0.11}
          web-2: {address: 10.0.0.12}
          web-3: {address: 10.0.0.13}
        groups:
          web: [web-1, web-2, web-3]

        """

    /// Everything in the place, with when it was changed: what touches nothing leaves it as it was.
    private func content(of place: Place) throws -> [String] {
        let names = try FileManager.default.subpathsOfDirectory(atPath: place.folder.path).sorted()
        return try names.map { name in
            let facts = try FileManager.default.attributesOfItem(atPath: place.folder.appending(path: name).path)
            return "\(name) \(facts[.modificationDate] ?? "") \(facts[.size] ?? "")"
        }
    }

    /// The release of the documents: its second host fails. `FLOW_SNAPSHOTS=record` writes the page.
    @Test func `shows what the page for authors shows, and leaves the home as it is`() async throws {
        let place = try Place()
        try place.makeHome()
        try place.writeHome("inventory.yaml", Self.inventory)
        try FileManager.default.createSymbolicLink(
            at: place.folder.appending(path: "flows"), withDestinationURL: Self.repository.appending(path: "flows"))
        let page = Self.repository.appending(path: "docs/writing-flows/rehearsing.md")
        let text = try String(contentsOf: page, encoding: .utf8)
        let mark = "<!-- FlowctlEndToEndTests runs it and compares. -->\n```text\n"
        let start = try #require(text.range(of: mark)?.upperBound)
        let end = try #require(text.range(of: "```\n", range: start..<text.endIndex)?.lowerBound)
        // The command stands before it, in a block of its own.
        let command = try #require(text[..<start].components(separatedBy: "\n").last { $0.hasPrefix("flowctl rehearse ") })
        let words = command.split(separator: " ").dropFirst().map { $0.trimmingCharacters(in: ["'"]) }
        let before = try content(of: place)
        let shown = try await place.start(words).result()
        #expect(shown.status == 1 && shown.err.isEmpty, "\(shown.err)")
        #expect(try content(of: place) == before)
        if ProcessInfo.processInfo.environment["FLOW_SNAPSHOTS"] == "record" {
            try Data(text.replacingCharacters(in: start..<end, with: shown.out).utf8).write(to: page)
        } else {
            #expect(shown.out == text[start..<end], "\(shown.out)")
        }
        #expect(shown.out.split(separator: "\n").allSatisfy { $0.count <= 80 })
        #expect(try await place.start(words).result().out == shown.out)
        try await place.leave()
    }

    @Test func `ends as a run would, without a home and without making one`() async throws {
        let place = try Place()
        let marker = place.folder.appending(path: "touched").path
        try place.write("two", Place.shell("one", "touch \(marker)"), Place.shell("other", "touch \(marker)", needs: ["one"]))
        try place.write("asks", Place.shell("x", "true"), parameters: [Parameter(name: "count", kind: .int)])
        let good = try await place.run("rehearse", "two.json", "-o", "json")
        #expect(good.status == 0, "\(good.err)")
        #expect(try good.json["state"] == "succeeded" && good.json["seconds"]?.doubleValue == 2)
        #expect(try good.json["events"]?.arrayValue?.contains { $0["kind"] == "attemptStarted" && $0["step"] == "other" } == true)
        let bad = try await place.run("rehearse", "two.json", "--fail", "one=3")
        #expect(bad.status == 1 && bad.out.contains("exit status 3") && !bad.out.contains("other "), "\(bad.out)")
        let unknown = try await place.run("rehearse", "two.json", "--fail", "oen", "--output", "one=7")
        #expect(unknown.status == 2 && unknown.err.contains("did you mean 'one'") && unknown.err.contains("--output one=7"), "\(unknown.err)")
        let inputs = try await place.run("rehearse", "asks.json", "-p", "count=many")
        #expect(inputs.status == 2 && inputs.err.contains("Nothing was rehearsed"), "\(inputs.err)")
        #expect(try await place.run("rehearse", "gone.json").status == 3)
        let name = try await place.run("rehearse", "nightly")
        #expect(name.status == 3 && name.err.contains("not registered"), "\(name.err)")
        #expect(!place.hasHome && !FileManager.default.fileExists(atPath: marker))
        try await place.leave()
    }

    @Test func `hosts are those of the inventory that is named, and an unknown one is refused as plan would`() async throws {
        let place = try Place()
        try Data(Self.inventory.utf8).write(to: place.folder.appending(path: "mine.yaml"))
        let node = Node(id: "on", name: "on", kind: .shell(ShellSpec(source: .text("true"), target: .literal("web-2"))))
        try place.write("remote", node)
        let found = try await place.run("rehearse", "remote.json", "--inventory", "mine.yaml", "--unreachable", "web-2")
        #expect(found.status == 1 && found.out.contains("web-2 cannot be reached"), "\(found.out)\(found.err)")
        let none = try await place.run("rehearse", "remote.json")
        #expect(none.status == 2 && none.err.contains("Nothing was rehearsed: a selector does not say where to run"), "\(none.err)")
        #expect(try await place.run("rehearse", "remote.json", "--inventory", "gone.yaml").status == 3)
        let near = try await place.run("rehearse", "remote.json", "--inventory", "mine.yaml", "--unreachable", "web-12")
        #expect(near.status == 2 && near.err.contains("'web-1'"), "\(near.err)")
        #expect(!place.hasHome)
        try await place.leave()
    }

    @Test(arguments: Mode.allCases)
    func `a registered flow is rehearsed with all that it calls, and starts no run`(mode: Mode) async throws {
        try await Place.with(mode, inventory: Self.inventory) { place, environment in
            let work = Node(id: "work", name: "work", kind: .shell(ShellSpec(source: .text("true"), target: .literal("web-3"))))
            try place.write("inner", work)
            try place.write("outer", Node(id: "inner", name: "inner", kind: .call(CallSpec(flow: "inner", inputs: [:]))))
            for name in ["inner", "outer"] {
                let added = try await place.run("flow", "add", "\(name).json", environment: environment)
                #expect(added.status == 0, "\(added.err)")
            }
            for flow in ["outer", "outer.json"] {
                let result = try await place.run("rehearse", flow, "--fail", "work=2", environment: environment)
                #expect(result.status == 1 && result.out.contains("inner > work"), "\(result.out)\(result.err)")
                #expect(result.out.contains("failed on web-3: exit status 2"), "\(result.out)")
            }
            let gone = try await place.run("rehearse", "outre", environment: environment)
            #expect(gone.status == 3, "\(gone.err)")
            #expect(try await place.runs(environment) == [])
        }
    }
}
