import FlowAPI
import FlowModel
import FlowWire
import Foundation
import Testing

/// The pages of `docs/reference` say what the code does.
@Suite("Documents")
struct DocumentTests {
    private func page(_ name: String) throws -> String {
        let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        return try String(contentsOf: root.appending(path: "docs/reference/\(name)"), encoding: .utf8)
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
}
