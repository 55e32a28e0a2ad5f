import FlowAPI
import FlowModel
import FlowServer
import FlowWire
import Foundation
import Testing

/// So many labels.
func tooManyLabels(_ count: Int) -> [String: String] { Dictionary(uniqueKeysWithValues: (0..<count).map { ("l\($0)", "v") }) }

/// Lists of what people have made: page by page, and no page is large.
@Suite("Lists", .timeLimit(.minutes(3)))
struct ListTests {
    /// All pages of a list; none of them has more than a page's bytes.
    private func pages<Page: Decodable>(_ client: Client, _ path: String, _ type: Page.Type, next: (Page) -> String?) async throws -> [Page] {
        var pages: [Page] = []
        var after: String?
        repeat {
            let separator = path.contains("?") ? "&" : "?"
            let query = after.map { "\(separator)after=\($0.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? "")" } ?? ""
            let (status, bytes) = try await client.send("GET", path + query)
            #expect(status == 200, "\(String(decoding: bytes.prefix(500), as: UTF8.self))")
            #expect(bytes.count <= APILimits.pageBytes + 1_000)
            let page = try JSONDecoder().decode(type, from: Data(bytes))
            pages.append(page)
            after = next(page)
        } while after != nil && pages.count < 1_000
        return pages
    }

    private func list<Item: Codable & Sendable>(_ client: Client, _ path: String, _ type: Item.Type) async throws -> (pages: Int, items: [Item]) {
        let found = try await pages(client, path, Wire.Page<Item>.self) { $0.next }
        return (found.count, found.flatMap(\.items))
    }

    @Test func `an inventory of many hosts comes in pages that make the whole together`() async throws {
        try await withServer { client, home in
            let count = 2_345
            let key = String(repeating: "k", count: 900)
            let hosts = (0..<count).map { "  h\($0): {address: 10.0.0.1, labels: {note: \(key), n: \"\($0)\"}}" }.joined(separator: "\n")
            let even = (0..<count).filter { $0 % 2 == 0 }.map { "h\($0)" }
            try home.write("inventory.yaml", "hosts:\n\(hosts)\ngroups:\n  even: [\(even.joined(separator: ", "))]\n  none: []\n")
            let names = (0..<count).map { "h\($0)" }
            let found = try await pages(client, "/v1/inventory", Wire.Inventory.self) { $0.next }
            #expect(found.count == 3)
            #expect(found.flatMap(\.hosts).map(\.name) == names)
            #expect(found.flatMap { $0.groups["even"] ?? [] } == even)
            #expect(found.map { $0.groups["none"] } == [[], nil, nil])
            let listed = try await list(client, "/v1/inventory/hosts?selector=group:even&limit=500", Wire.Host.self)
            #expect(listed.items.map(\.name) == even && listed.pages == 3)
            #expect(try await client.value(Wire.Inventory.self, "GET", "/v1/inventory?limit=1").hosts.count == 1)
            #expect(try await client.send("GET", "/v1/inventory?after=gone").status == 409)
        }
    }

    @Test func `people, tokens, freezes, lent rights and flows come in pages that make the whole together`() async throws {
        try await withServer { client, _ in
            for number in 0..<5 {
                #expect(try await client.send("PUT", "/v1/users/u\(number)", #"{"roles":["viewer"]}"#).status == 200)
                #expect(try await client.send("POST", "/v1/tokens", #"{"name":"t\#(number)"}"#).status == 201)
                #expect(try await client.send("PUT", "/v1/freezes/f\(number)", #"{"reason":"year end","flows":["f\#(number)"]}"#).status == 200)
            }
            try await hasPages(client, "/v1/users", Wire.User.self)
            try await hasPages(client, "/v1/tokens?all=true", Wire.Token.self)
            try await hasPages(client, "/v1/freezes", Wire.ChangeRule.self)
            for path in ["/v1/flows", "/v1/delegations", "/v1/windows", "/v1/locks"] {
                #expect(try await client.send("GET", path + "?limit=1").status == 200)
            }
            #expect(try await client.send("GET", "/v1/flows?after=gone").status == 409)
        }
    }

    private func hasPages<Item: Codable & Equatable & Sendable>(_ client: Client, _ path: String, _ type: Item.Type) async throws {
        let all = try await list(client, path, type)
        let inPairs = try await list(client, path + (path.contains("?") ? "&" : "?") + "limit=2", type)
        #expect(all.pages == 1 && all.items.count >= 5)
        #expect(inPairs.pages == (all.items.count + 1) / 2 && inPairs.items == all.items, "\(path)")
    }
}
