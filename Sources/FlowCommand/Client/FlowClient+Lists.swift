import FlowModel
import FlowWire

extension FlowClient {
    /// All items of a list, page by page, as they came.
    ///
    /// - Parameter name: the member that they are under.
    func items(_ path: String, query: [(String, String?)] = [], under name: String = "items") async throws(FlowError) -> [JSON] {
        var items: [JSON] = []
        try await pages(path, query: query) { page in items += page[name]?.arrayValue ?? [] }
        return items
    }

    func list<Item: Decodable>(_ type: Item.Type, _ path: String, query: [(String, String?)] = []) async throws(FlowError) -> [Item] {
        var found: [Item] = []
        for item in try await items(path, query: query) { found.append(try decode(type, item)) }
        return found
    }

    /// A list as one page, put together from all of them.
    func whole(_ path: String, query: [(String, String?)] = []) async throws(FlowError) -> JSON {
        .object(["items": .array(try await items(path, query: query))])
    }

    /// The whole inventory, put together from its pages.
    func inventory() async throws(FlowError) -> JSON {
        var hosts: [JSON] = []
        var groups: [String: [JSON]] = [:]
        var others: [String: JSON] = [:]
        try await pages("/v1/inventory") { page in
            hosts += page["hosts"]?.arrayValue ?? []
            for (group, members) in page["groups"]?.objectValue ?? [:] { groups[group, default: []] += members.arrayValue ?? [] }
            others = page.objectValue ?? [:]
        }
        others["next"] = nil
        return .object(others.merging(["hosts": .array(hosts), "groups": .object(groups.mapValues(JSON.array))]) { $1 })
    }

    /// Follows `next` until the last page.
    private func pages(_ path: String, query: [(String, String?)] = [], _ take: (JSON) -> Void) async throws(FlowError) {
        var after: String?
        repeat {
            let page = try await request("GET", path, query: query + [("after", after)])
            take(page)
            let next = page["next"]?.stringValue
            // A server that says the same again would never end.
            after = next == after ? nil : next
        } while after != nil
    }
}
