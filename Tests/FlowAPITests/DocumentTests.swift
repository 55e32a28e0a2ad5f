import FlowAPI
import FlowModel
import FlowWire
import Foundation
import Testing

/// The pages of `docs/reference` say what the code does.
@Suite("Documents", .timeLimit(.minutes(10)))
struct DocumentTests {
    private static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    private func page(_ name: String) throws -> String {
        try String(contentsOf: Self.root.appending(path: "docs/reference/\(name)"), encoding: .utf8)
    }

    /// What stands between `<!-- name -->` and `<!-- end -->`.
    private func block(_ name: String, in page: String) -> String {
        let parts = page.components(separatedBy: "<!-- \(name) -->\n")
        return parts.count == 2 ? parts[1].components(separatedBy: "\n<!-- end -->")[0] : ""
    }

    @Test func `the role matrix is the route table's`() throws {
        let found = block("roles", in: try page("roles.md"))
        #expect(found == RouteTables.roles, "put this into docs/reference/roles.md:\n\(RouteTables.roles)")
    }

    @Test func `the list of routes is the route table's`() throws {
        let found = block("routes", in: try page("http-api.md"))
        #expect(found == RouteTables.routes, "put this into docs/reference/http-api.md:\n\(RouteTables.routes)")
    }

    @Test(arguments: FlowError.Code.allCases)
    func `every error code has a section with its status`(code: FlowError.Code) throws {
        let page = try page("errors.md")
        #expect(page.contains("\n## `\(code.rawValue)` (\(code.httpStatus))\n"), "## `\(code.rawValue)` (\(code.httpStatus))")
    }

    @Test func `every state and everything that a run can wait for is on the page of states`() throws {
        let page = try page("states.md")
        let words =
            RunState.allCases.map(\.rawValue) + StepState.allCases.map(\.rawValue) + AttemptState.allCases.map(\.rawValue)
            + WaitKind.allCases.map(\.rawValue)
        for word in Set(words).sorted() {
            #expect(page.contains("`\(word)`") || page.contains("\(word) --> ") || page.contains(" --> \(word)"), "\(word)")
        }
    }

    @Test func `every verb of flow files is on their page`() throws {
        let page = try page("dsl.md")
        let sources = Self.root.appending(path: "Sources/FlowDSL")
        let files = try FileManager.default.contentsOfDirectory(atPath: sources.path).filter { $0.hasSuffix(".swift") }
        let verbs = try files.flatMap { file in
            try String(contentsOf: sources.appending(path: file), encoding: .utf8)
                .matches(of: /\npublic func ([a-z]\w*)/).map { String($0.output.1) }
        }
        #expect(Set(verbs).count >= 10)
        for verb in Set(verbs).sorted() { #expect(page.contains("| `\(verb)` |"), "\(verb)") }
    }
}
