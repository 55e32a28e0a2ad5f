import FlowModel
import FlowWire
import Hummingbird
import NIOCore

/// A page of `GET /v1/inventory`: hosts in their order, and of each group those of its members that are among them.
struct InventoryPage {
    private let inventory: KnownInventory
    private let rest: ArraySlice<Host>
    private let limit: Int

    init(_ inventory: KnownInventory, after name: String?, limit: Int) throws(FlowError) {
        self.inventory = inventory
        self.limit = limit
        rest = try Answer.rest(of: inventory.hosts, after: name, key: \.name)
    }

    func response() throws -> Response {
        // Memberships take at most half of the page.
        var bytes = 0
        let memberships = memberships()
        let fitting = rest.prefix(limit).prefix { host in
            bytes += (memberships[host.name] ?? []).reduce(0) { $0 + $1.utf8.count + host.name.utf8.count + 8 }
            return bytes <= APILimits.pageBytes / 2
        }
        let shown = rest.prefix(max(fitting.count, min(rest.count, 1))).map { Wire.Host($0) }
        var draft = PageDraft(items: "hosts")
        var count = 0
        for host in shown { if try draft.add(host) { count += 1 } else { break } }
        let names = Set(shown.prefix(count).map(\.name))
        // Groups without members here are on the first page only.
        let isFirst = rest.count == inventory.hosts.count
        let members = inventory.groups.mapValues { $0.filter(names.contains) }.filter { isFirst || !$0.value.isEmpty }
        let groups: JSON = .object(members.mapValues { .array($0.map(JSON.string)) })
        let next = count < rest.count ? shown[count - 1].name : nil
        let body = draft.finished(next: next, members: ["groups": groups, "file": .string(inventory.file)])
        return Answer.bytes(ByteBuffer(bytes: body), type: "application/json")
    }

    /// The groups of each of the next hosts.
    private func memberships() -> [String: [String]] {
        let names = Set(rest.prefix(limit).map(\.name))
        var found: [String: [String]] = [:]
        for (group, members) in inventory.groups {
            for member in members where names.contains(member) { found[member, default: []].append(group) }
        }
        return found
    }
}
