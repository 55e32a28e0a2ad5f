import FlowInventory
import FlowModel
import Testing

private let hosts = ["web-1", "web-2", "web-10", "db-1", "db-2", "cache"].enumerated().map { index, name in
    Host(
        name: name, address: "10.0.0.\(index)",
        labels: [
            "idc": index % 2 == 0 ? "js" : "sh", "role": String(name.prefix { $0 != "-" }), "tag": index == 3 ? "a=b" : "x",
        ])
}
private let inventory = Inventory(
    hosts: hosts, groups: ["web": ["web-10", "web-1", "web-2"], "js": ["web-1", "web-10", "db-2"], "none": []])

@Suite("Selectors", .timeLimit(.minutes(10)))
struct SelectorTests {
    @Test(arguments: [
        ("web-1", ["web-1"]),
        ("web-*", ["web-1", "web-2", "web-10"]),
        ("*-1", ["web-1", "db-1"]),
        ("web-?", ["web-1", "web-2"]),
        ("*", ["web-1", "web-2", "web-10", "db-1", "db-2", "cache"]),
        ("group:web", ["web-1", "web-2", "web-10"]),
        ("role=db", ["db-1", "db-2"]),
        ("role=d*|role=c*", ["db-1", "db-2", "cache"]),
        ("tag=a=b", ["db-1"]),
        ("group:web & !idc=sh", ["web-1", "web-10"]),
        ("db-1 | group:web & idc=js", ["web-1", "web-10", "db-1"]),
        ("(db-1 | group:web) & idc=js", ["web-1", "web-10"]),
        ("!web-1 & web-*", ["web-2", "web-10"]),
        ("!(web-* | db-*)", ["cache"]),
        ("!!cache", ["cache"]),
        ("  db-2|db-2 |\tdb-1\n", ["db-1", "db-2"]),
    ])
    func `a selector gives its hosts in inventory order, once each`(_ text: String, _ names: [String]) throws {
        #expect(try inventory.resolve(text).map(\.name) == names)
    }

    @Test(arguments: [
        ("", "it is empty (character 1)"),
        ("  ", "it is empty"),
        ("web-1 &", "expected a name, group:NAME or key=value at the end (character 8)"),
        ("| web-1", "instead of '|' (character 1)"),
        ("web-1 web-2", "expected & or | before 'w' (character 7)"),
        ("(web-1", "this '(' is never closed (character 1)"),
        ("web-1)", "there is no '(' for this ')' (character 6)"),
        ("role!=db", "expected & or | before '!' (character 5)"),
        ("=db", "'' is not a label"),
        ("group:", "'' is not a group's name"),
        ("group:w*", "'w*' is not a group's name"),
        ("web/1", "'web/1' is not a name (character 1)"),
        ("a & -b", "'-b' is not a name (character 5)"),
        (String(repeating: "(", count: 100_000), "more than"),
        (String(repeating: "(", count: 1_000), "nested deeper than 64"),
        (String(repeating: "!", count: 1_000) + "a", "nested deeper than 64"),
        ("wbe-1", "there is no host 'wbe-1' (character 1). Did you mean"),
        ("web-1 | group:wbe", "there is no group 'wbe' (character 9). Did you mean 'web'"),
        ("role=nothing", "matches none of the 6 hosts"),
        ("group:none", "matches none of the 6 hosts"),
        ("x*", "matches none"),
    ])
    func `what cannot be read or resolved is an error that says where and why`(_ text: String, _ message: String) {
        let error = #expect(throws: FlowError.self) { _ = try inventory.resolve(text) }
        #expect(error?.code == .selector)
        let isSaid =
            error?.message.contains(message) == true || message == "more than" && error?.message.contains("at most") == true
        #expect(isSaid, "\(error?.message ?? "")")
    }

    @Test func `all unknown names are reported together`() {
        let error = #expect(throws: FlowError.self) { _ = try inventory.resolve("a1 | !group:b1 & web-1") }
        #expect(error?.errors.map(\.subject) == ["a1", "b1"])
    }

    @Test(arguments: [
        ("", "", true), ("", "a", false), ("*", "", true), ("a*b*c", "a-b-b-c", true), ("a*b*c", "a-b-b-d", false),
        ("?", "", false),
        ("?*", "é", true), ("*a", String(repeating: "a", count: 10_000) + "b", false),
        ("*a*a*a*a*a*a*a*a*b", String(repeating: "a", count: 3_000), false),
    ])
    func `a glob fits or does not, in bounded time`(_ pattern: String, _ text: String, _ fits: Bool) {
        #expect(Glob(pattern).matches(text) == fits)
    }

    /// Random expressions, written as text with random spaces and spare parentheses, against sets computed beside them.
    @Test(arguments: 1...20)
    func `the grammar agrees with sets`(_ seed: Int) throws {
        var random = SplitMix(state: UInt64(seed))
        for _ in 0..<300 {
            let (text, expected) = expression(&random, depth: 5, binding: 0)
            let found = Set(try SelectorExpression(text).hosts(in: inventory).map(\.name))
            #expect(found == expected, "\(text)")
        }
    }

    /// An expression that may stand where operators of at least `binding` bind (0 |, 1 &, 2 !), and what it means.
    private func expression(_ random: inout SplitMix, depth: Int, binding: Int) -> (String, Set<String>) {
        let all = Set(hosts.map(\.name))
        let space = ["", " ", "  ", "\t"].randomElement(using: &random) ?? ""
        let kind = depth == 0 ? 3 : Int.random(in: 0...5, using: &random)
        switch kind {
        case 0...1 where kind >= binding:
            var (text, set) = expression(&random, depth: depth - 1, binding: kind + 1)
            for _ in 0..<Int.random(in: 1...2, using: &random) {
                let (other, otherSet) = expression(&random, depth: depth - 1, binding: kind + 1)
                text += "\(space)\(kind == 0 ? "|" : "&")\(space)\(other)"
                set = kind == 0 ? set.union(otherSet) : set.intersection(otherSet)
            }
            return (text, set)
        case 2:
            let (text, set) = expression(&random, depth: depth - 1, binding: 2)
            return ("!\(space)\(text)", all.subtracting(set))
        case 0, 1, 4:
            let (text, set) = expression(&random, depth: depth - 1, binding: 0)
            return ("(\(space)\(text)\(space))", set)
        default:
            let host = hosts.randomElement(using: &random) ?? hosts[0]
            switch Int.random(in: 0...3, using: &random) {
            case 0: return (host.name, [host.name])
            case 1: return ("\(host.name.prefix(2))*", all.filter { $0.hasPrefix(host.name.prefix(2)) })
            case 2:
                let group = ["web", "js", "none"].randomElement(using: &random) ?? "web"
                return ("group:\(group)", Set(inventory.groups[group] ?? []))
            default:
                let value = host.labels["idc"] ?? ""
                return ("idc=\(value)", Set(hosts.filter { $0.labels["idc"] == value }.map(\.name)))
            }
        }
    }

    @Test func `a selector of a thousand names over many hosts is quick`() throws {
        let many = (0..<20_000).map { Host(name: "h\($0)", address: "x", labels: ["n": "\($0 % 7)"]) }
        let text = (0..<1_000).map { "h\($0 * 3)" }.joined(separator: " | ")
        #expect(try Inventory(hosts: many).resolve("(\(text)) & !n=3").count == 857)
    }
}

private struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = (state ^ (state >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
