import FlowLoading
import FlowModel
import Foundation
import Testing

/// The Swift of the documents, through the real loader.
///
/// A block of ```` ```swift ```` is a whole flow file. One of ```` ```swift fragment ```` is statements of a flow's body, which may use
/// `$hosts`, `$version`, `$count`, `$names` and `host`: all of them are compiled as one flow, each in a map of its own, so that the names
/// of their steps do not meet. Script files that a block names need not exist. One of ```` ```swift test ```` is part of a file of
/// FlowRehearsalTests, word for word. There is no other kind.
@Suite("The flows in the documents", .timeLimit(.minutes(10)))
struct DocumentFlowTests {
    @Test func `every whole flow in the documents loads`() async throws {
        let folder = try TemporaryFolder()
        var blocks: [DocumentBlock] = []
        var files: [String] = []
        for block in try DocumentBlock.all() where block.kind == "swift" {
            let place = "block-\(blocks.count)"
            for script in block.scripts { _ = try folder.write("true\n", to: "\(place)/\(script)") }
            files.append(try folder.write(block.text, to: "\(place)/flow.swift"))
            blocks.append(block)
        }
        #expect(blocks.count >= 6, "the documents show whole flows")
        for (block, outcome) in zip(blocks, await loadAll(files)) {
            if case .failure(let error) = outcome { Issue.record("\(block.place): \(error)") }
        }
    }

    @Test func `every fragment in the documents loads`() async throws {
        let fragments = try DocumentBlock.all().filter { $0.kind == "swift fragment" }
        #expect(fragments.count >= 8, "the documents show fragments")
        let folder = try TemporaryFolder()
        for script in Set(fragments.flatMap(\.scripts)) { _ = try folder.write("true\n", to: script) }
        let source = DocumentBlock.flow(of: fragments)
        let file = try folder.write(source, to: "fragments.swift")
        if case .failure(let error) = await outcome(file, try Shared.loader()) {
            Issue.record("\(error)\n\(source)")
        }
    }

    @Test func `a block in the documents is a whole flow or a fragment`() throws {
        for block in try DocumentBlock.all() {
            #expect(["swift", "swift fragment", "swift test"].contains(block.kind), "\(block.place) begins with ```\(block.kind)")
            #expect((block.kind == "swift") == block.text.contains("@main"), "\(block.place)")
        }
    }
}

extension DocumentFlowTests {
    @Test func `every test in the documents is one that is run`() throws {
        let folder = "\(Fixtures.repository)/Tests/FlowRehearsalTests"
        let names = try FileManager.default.contentsOfDirectory(atPath: folder).filter { $0.hasSuffix(".swift") }
        let sources = try names.map { try String(contentsOfFile: "\(folder)/\($0)", encoding: .utf8) }
        let blocks = try DocumentBlock.all().filter { $0.kind == "swift test" }
        #expect(!blocks.isEmpty)
        for block in blocks { #expect(sources.contains { $0.contains(block.text) }, "\(block.place)") }
    }
}

/// A piece of Swift in a document.
struct DocumentBlock {
    /// What stands behind the three backticks.
    var kind: String
    var text: String
    /// `docs/writing-flows/README.md:17`
    var place: String

    /// Paths in `file: "…"`.
    var scripts: [String] { text.matches(of: /file: "([^"\\]+)"/).map { String($0.output.1) } }

    /// Every block of Swift in the pages for authors.
    static func all() throws -> [DocumentBlock] {
        let authors = try FileManager.default.contentsOfDirectory(atPath: "\(Fixtures.repository)/docs/writing-flows").sorted()
        let pages = ["README.md", "docs/reference/dsl.md"] + authors.map { "docs/writing-flows/\($0)" }
        return try pages.flatMap { page in
            blocks(of: try String(contentsOfFile: "\(Fixtures.repository)/\(page)", encoding: .utf8), page)
        }
    }

    private static func blocks(of page: String, _ name: String) -> [DocumentBlock] {
        var blocks: [DocumentBlock] = []
        var open: DocumentBlock?
        for (index, line) in page.components(separatedBy: "\n").enumerated() {
            if let block = open, line == "```" {
                if block.kind.hasPrefix("swift") { blocks.append(block) }
                open = nil
            } else if open != nil {
                open?.text += line + "\n"
            } else if line.hasPrefix("```") {
                open = DocumentBlock(kind: String(line.dropFirst(3)), text: "", place: "\(name):\(index + 1)")
            }
        }
        return blocks
    }

    /// One flow with all of them.
    static func flow(of fragments: [DocumentBlock]) -> String {
        let bodies = fragments.enumerated().map { index, fragment in
            """
                    // \(fragment.place)
                    map("fragment-\(index)", over: $hosts) { host in
            \(fragment.text)
                        shell("fragment-end", "true", on: host)
                    }
            """
        }
        return """
            import FlowDSL

            struct Build: Codable, Sendable { var path: String; var sha256: String }

            @main struct Fragments: Flow {
                @Param("Hosts") var hosts: Selector = "group:web"
                @Param("Version") var version: String
                @Param("How many") var count: Int = 3
                @Param("Names") var names: [String] = ["a", "b"]

                var body: some FlowBody {
            \(bodies.joined(separator: "\n"))
                }
            }

            """
    }
}
