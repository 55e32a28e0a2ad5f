import FlowInventory
import FlowModel
import FlowTestKit
import Foundation
import Testing

/// Whatever stands in a file of hosts or keys, or in a selector: it is refused with its line, or read. A trap here ends the test.
@Suite("Files and selectors, changed at random", .timeLimit(.minutes(240)))
struct FuzzTests {
    private let good = [
        sample, sample.replacing("\n", with: "\r\n"), sample.replacing("\n", with: "\r"), "\u{FEFF}" + sample,
        "hosts:\u{85}  a: {address: x}\u{2028}  b: {address: y}\u{2029}",
        "hosts:\n  a:\n    address: '::1'\n    labels:\n      k: >\n        folded\n  # c\n\ngroups: {g: [a]}\n", "hosts:\n  ? a\n  : {address: x}\n",
        "%YAML 1.1\n---\nhosts: {a: {address: x}}\n...\n", "hosts:\n  \"a\": {\"address\": \"x\", \"labels\": {\"n\": \"\\N\\L \\u2029\"}}",
    ]

    private let host = FlowModel.Host(
        name: "added", address: "2001:db8::1", hostKeys: [ed25519], labels: ["note": "a\u{2028}b \u{FEFF}é \"'\\"])

    @Test func `an inventory is refused with its faults, or read; one that is read takes another host, and every other line stays`() throws {
        var fuzz = TextFuzz(seed: 1)
        let path = NSTemporaryDirectory() + "flow-fuzz-\(UUID().uuidString).yaml"
        defer { try? FileManager.default.removeItem(atPath: path) }
        var (read, added) = (0, 0)
        for _ in 0..<TextFuzz.cases {
            let text = fuzz.text(from: good)
            guard let before = try? Inventory.parse(text, file: "f") else { continue }
            read += 1
            try Data(text.utf8).write(to: URL(filePath: path))
            do throws(FlowError) {
                let after = try InventoryEditor(path: path).add(host)
                #expect(after.hosts == before.hosts + [host] && after.groups == before.groups)
                added += 1
            } catch {
                #expect(error.code == .conflict || error.code == .load, "\(text.debugDescription): \(error)")
                #expect(try Data(contentsOf: URL(filePath: path)) == Data(text.utf8))
            }
        }
        #expect(read > TextFuzz.cases / 20 && added > read / 2)
    }

    @Test func `keys come into any file that is read`() throws {
        var fuzz = TextFuzz(seed: 2)
        let path = NSTemporaryDirectory() + "flow-fuzz-\(UUID().uuidString).yaml"
        defer { try? FileManager.default.removeItem(atPath: path) }
        for _ in 0..<TextFuzz.cases {
            let text = fuzz.text(from: good)
            guard let before = try? Inventory.parse(text, file: "f"), !before.hosts.isEmpty else { continue }
            try Data(text.utf8).write(to: URL(filePath: path))
            let additions = try KnownHosts("* \(otherKey)").changes(for: before).additions
            do throws(FlowError) {
                let after = try InventoryEditor(path: path).apply(additions)
                #expect(after.hosts.allSatisfy { $0.hostKeys.contains(otherKey) })
            } catch {
                #expect(error.code == .conflict || error.code == .load, "\(text.debugDescription): \(error)")
            }
        }
    }

    @Test func `selectors`() throws {
        var fuzz = TextFuzz(seed: 3)
        let inventory = try Inventory.parse(sample, file: "f")
        for _ in 0..<TextFuzz.cases * 2 {
            let text = fuzz.text(from: ["group:web & !role=canary", "web-1 | db-* & (idc=j?)", "!!(a|b)", "role=*", "((web-1))"])
            guard let hosts = try? inventory.resolve(text) else { continue }
            #expect(!hosts.isEmpty && Set(hosts.map(\.name)).count == hosts.count)
        }
    }

    @Test func `known hosts and keys`() throws {
        var fuzz = TextFuzz(seed: 4)
        let inventory = try Inventory.parse(sample, file: "f")
        let good = [
            "[127.0.10.2]:2222,*.example.com \(ed25519) c\r\n@revoked * \(otherKey)\n",
            "|1|g7mL3663JocvLA5xAPKSZw8Id5E=|v5YbbgR7bFBELcjZ9kgKRkDgN3c= \(ed25519)",
        ]
        for _ in 0..<TextFuzz.cases {
            let text = fuzz.text(from: good)
            _ = try? KnownHosts(text).changes(for: inventory)
            if let key = try? HostKey(text) { #expect((try? HostKey(key.text)) == key && key.fingerprint.hasPrefix("SHA256:")) }
        }
    }
}

@Suite("Ends of lines, and marks before the first", .timeLimit(.minutes(240)))
struct LineEndTests {
    private static let ends = ["\n", "\r\n", "\r", "\u{85}", "\u{2028}", "\u{2029}"]

    private func withFile(_ text: String, _ body: (String) throws -> Void) throws {
        let path = NSTemporaryDirectory() + "flow-lines-\(UUID().uuidString).yaml"
        defer { try? FileManager.default.removeItem(atPath: path) }
        try Data(text.utf8).write(to: URL(filePath: path))
        try body(path)
    }

    private func text(_ path: String) throws -> String { String(decoding: try Data(contentsOf: URL(filePath: path)), as: UTF8.self) }

    @Test(arguments: ends, ["", "\u{FEFF}"])
    func `a host is added and keys are imported, whatever ends a line; the new line ends as the others do`(_ end: String, _ mark: String) throws {
        let before =
            mark
            + ["# mine", "hosts:", "  a1: {address: 127.0.0.1}", "  # of b1", "  b1:", "    address: 127.0.0.2", "groups: {g: [a1]}", ""].joined(
                separator: end)
        try withFile(before) { path in
            try InventoryEditor(path: path).add(FlowModel.Host(name: "c1", address: "127.0.0.3"))
            let with = before.replacing("127.0.0.2\(end)", with: "127.0.0.2\(end)  \"c1\": {address: \"127.0.0.3\"}\(end)")
            #expect(try text(path) == with)
            let known = try KnownHosts(mark + "127.0.0.1 \(ed25519)\r\n127.0.0.2 \(otherKey)\r\n")
            let after = try InventoryEditor(path: path).apply(known.changes(for: try Inventory.load(path)).additions)
            #expect(after.hosts.map(\.hostKeys) == [[ed25519], [otherKey], []])
            #expect(try text(path).hasPrefix(mark + "# mine\(end)hosts:\(end)"))
        }
    }

    @Test(arguments: ["\n", "\r\n", "\r"])
    func `every line of known_hosts counts, also the first behind a mark`(_ end: String) throws {
        let text = "\u{FEFF}" + ["web-1 \(ed25519)", "# c", "web-2 \(otherKey)", "bad"].joined(separator: end)
        let known = try KnownHosts(text)
        #expect(known.skipped.map(\.line) == [4])
        let inventory = Inventory(hosts: ["web-1", "web-2"].map { FlowModel.Host(name: $0, address: $0) })
        #expect(known.changes(for: inventory).additions.map(\.host) == ["web-1", "web-2"])
    }

    @Test func `UTF-16 is named as what it is`() throws {
        let path = NSTemporaryDirectory() + "flow-lines-\(UUID().uuidString).yaml"
        defer { try? FileManager.default.removeItem(atPath: path) }
        try Data([0xFF, 0xFE, 0x68, 0]).write(to: URL(filePath: path))
        let error = #expect(throws: FlowError.self) { try Inventory.load(path) }
        #expect(error?.message.contains("UTF-16") == true)
    }

    @Test func `several hosts are added together, or none`() throws {
        try withFile(sample) { path in
            let hosts = (1...3).map { FlowModel.Host(name: "new-\($0)", address: "10.0.0.\($0)") }
            let known = FlowModel.Host(name: "db-1", address: "::1", hostKeys: [otherKey])
            let after = try InventoryEditor(path: path).add(hosts + [known])
            #expect(after.hosts.map(\.name) == ["web-2", "web-1", "db-1", "new-1", "new-2", "new-3"])
            #expect(after.host(named: "db-1")?.hostKeys == [otherKey])
            #expect(try Inventory.load(path) == after)
            let text = try text(path)
            let error = #expect(throws: FlowError.self) {
                try InventoryEditor(path: path).add([FlowModel.Host(name: "x", address: "y"), FlowModel.Host(name: "web-1", address: "z")])
            }
            #expect(error?.code == .conflict)
            #expect(try self.text(path) == text)
        }
    }
}
