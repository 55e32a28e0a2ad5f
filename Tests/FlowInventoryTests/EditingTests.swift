import FlowInventory
import FlowModel
import Foundation
import Testing

@Suite("Editing an inventory", .timeLimit(.minutes(10)))
struct EditingTests {
    private func withFile(_ text: String?, _ body: (String) throws -> Void) throws {
        let path = NSTemporaryDirectory() + "flow-inventory-\(UUID().uuidString).yaml"
        defer { try? FileManager.default.removeItem(atPath: path) }
        if let text { try text.write(toFile: path, atomically: false, encoding: .utf8) }
        try body(path)
    }

    private func text(_ path: String) throws -> String { try String(contentsOfFile: path, encoding: .utf8) }

    private let host = Host(
        name: "web-3", address: "2001:db8::1", port: 2200, user: "ops", identityFile: "/k/it's \"mine\"", hostKeys: [ed25519],
        labels: ["role": "web", "note": "yes: *&#\\ é"])

    @Test func `a host is added as the last one, and every other line stays`() throws {
        try withFile(sample) { path in
            try InventoryEditor(path: path).add(host)
            let inventory = try Inventory.load(path)
            #expect(inventory.hosts.map(\.name) == ["web-2", "web-1", "db-1", "web-3"])
            #expect(inventory.hosts.last == host)
            let added = try text(path).split(separator: "\n", omittingEmptySubsequences: false).filter { !$0.contains("web-3") }
            #expect(added.joined(separator: "\n") == sample + "\n")
        }
    }

    @Test(arguments: [
        nil, "", "# mine\n", "groups: {}\n", "hosts:\n", "hosts: {}\n# after\n", "hosts:\n\n# later\ngroups: {}",
        "hosts:\n    a: {address: x}",
    ])
    func `a host is added to a file without any, or with other indentation`(_ before: String?) throws {
        try withFile(before) { path in
            try InventoryEditor(path: path).add(host)
            #expect(try Inventory.load(path).hosts.last == host)
            for line in before?.split(separator: "\n") ?? [] where line.hasPrefix("#") {
                #expect(try text(path).contains(line))
            }
        }
    }

    @Test func `a name that exists, a bad host or hosts in one line leave the file as it was`() throws {
        let cases: [(String, FlowModel.Host, FlowError.Code)] = [
            (sample, FlowModel.Host(name: "db-1", address: "x"), .conflict),
            (sample, FlowModel.Host(name: "a b", address: "x"), .load),
            (sample, FlowModel.Host(name: "b", address: "-x"), .load),
            ("hosts: {a: {address: x}, b: {address: y}}\n", host, .conflict),
            ("{hosts: {a: {address: x}}}\n", host, .conflict),
            ("hosts: [\n", host, .load),
        ]
        for (before, host, code) in cases {
            try withFile(before) { path throws in
                let error = #expect(throws: FlowError.self) { try InventoryEditor(path: path).add(host) }
                #expect(error?.code == code, "\(error.map { "\($0)" } ?? "")")
                #expect(try text(path) == before)
            }
        }
    }

    @Test func `a host that is there at the same address takes the new key in place of its own, and keeps the rest`() throws {
        try withFile(sample) { path in
            let known = try #require(try Inventory.load(path).host(named: "web-2"))
            try InventoryEditor(path: path).add(
                FlowModel.Host(name: "web-2", address: known.address, port: known.port, hostKeys: [otherKey]))
            let changed = try #require(try Inventory.load(path).host(named: "web-2"))
            #expect(changed.hostKeys == [otherKey])
            #expect(changed.user == known.user && changed.identityFile == known.identityFile && changed.labels == known.labels)
            #expect(try Inventory.load(path).hosts.map(\.name) == ["web-2", "web-1", "db-1"])
            // At another address it is another host: nobody asked for that one to lose its place.
            let error = #expect(throws: FlowError.self) {
                try InventoryEditor(path: path).add(FlowModel.Host(name: "web-2", address: "192.0.2.9", hostKeys: [ed25519]))
            }
            #expect(error?.code == .conflict)
            #expect(try Inventory.load(path).host(named: "web-2") == changed)
        }
    }

    @Test func `the file keeps its mode, and a link stays a link`() throws {
        try withFile(sample) { path in
            try FileManager.default.setAttributes([.posixPermissions: 0o640], ofItemAtPath: path)
            let link = path + ".link"
            try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: path)
            defer { try? FileManager.default.removeItem(atPath: link) }
            try InventoryEditor(path: link).add(host)
            #expect(try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int == 0o640)
            #expect(try FileManager.default.destinationOfSymbolicLink(atPath: link) == path)
            #expect(try Inventory.load(path).hosts.count == 4)
        }
    }

    @Test func `imported keys come into the lines of their hosts`() throws {
        try withFile(sample) { path in
            let known = try KnownHosts("db-1,::1 \(ed25519)\n[127.0.10.2]:2222 \(otherKey)\nweb-1.example.com \(ed25519)\n")
            let changes = known.changes(for: try Inventory.load(path))
            #expect(changes.additions.map(\.host) == ["web-2", "db-1"])
            #expect(changes.additions.map(\.replacesType) == [true, false])
            try InventoryEditor(path: path).apply(changes.additions)
            let inventory = try Inventory.load(path)
            #expect(inventory.host(named: "db-1")?.hostKeys == [ed25519])
            #expect(inventory.host(named: "web-2")?.hostKeys == [ed25519, otherKey])
            #expect(try text(path).contains("  web-1:\n    address: web-1.example.com\n"))
            #expect(try text(path).hasPrefix("# Kept by hand.\n"))
            #expect(known.changes(for: inventory).additions.isEmpty)
        }
    }
}

@Suite("Known hosts", .timeLimit(.minutes(10)))
struct KnownHostsTests {
    private let inventory = Inventory(hosts: [
        FlowModel.Host(name: "web-1", address: "web-1.example.com"),
        FlowModel.Host(name: "web-2", address: "10.0.0.2", port: 2222),
        FlowModel.Host(name: "db", address: "db.other.org", hostKeys: [otherKey]),
    ])

    private func hosts(_ line: String) throws -> [String] {
        try KnownHosts(line).changes(for: inventory).additions.map(\.host)
    }

    /// Made by `ssh-keygen -H` (OpenSSH 9.2).
    private let hashed = "|1|g7mL3663JocvLA5xAPKSZw8Id5E=|v5YbbgR7bFBELcjZ9kgKRkDgN3c="
    private let hashedPort = "|1|LbSZjQihZk5kSkvlu7o0QrDQCXA=|neR3Q/AT4wwbZ8tY2oUTWSLU1sM="

    @Test func `a line means a host by name, address, port, pattern or hash`() throws {
        #expect(try hosts("WEB-1.example.com \(ed25519) comment") == ["web-1"])
        #expect(try hosts("other,web-1 \(ed25519)") == ["web-1"])
        #expect(try hosts("10.0.0.2 \(ed25519)") == [])
        #expect(try hosts("[10.0.0.2]:2222 \(ed25519)") == ["web-2"])
        #expect(try hosts("*.example.com,*.other.org \(ed25519)") == ["web-1", "db"])
        #expect(try hosts("*,!db* \(ed25519)") == ["web-1", "web-2"])
        #expect(try hosts("\(hashed) \(ed25519)") == ["web-1"])
        #expect(try hosts("\(hashedPort) \(ed25519)") == ["web-2"])
        #expect(try hosts("|1|bad \(ed25519)") == [])
    }

    @Test func `a revoked key is never added, and found where it is in use`() throws {
        let changes = try KnownHosts("web-1 \(ed25519)\n@revoked * \(ed25519)\n@revoked db.other.org \(otherKey)\n").changes(
            for: inventory)
        #expect(changes.additions.isEmpty)
        #expect(changes.revoked.map(\.host) == ["db"])
        #expect(changes.stillUnknown == ["web-1", "web-2"])
    }

    @Test func `lines that cannot be used are named with the reason, the others count`() throws {
        let text =
            "# comment\n\n@cert-authority *.x \(ed25519)\nweb-1 ssh-dss AAAA\nweb-1\n@what x \(ed25519)\nweb-1 \(ed25519)\r\n"
        let known = try KnownHosts(text)
        #expect(known.skipped.map(\.line) == [3, 4, 5, 6])
        #expect(known.skipped[0].reason.contains("certificate authorities"))
        #expect(known.changes(for: inventory).additions.count == 1)
    }

    @Test func `a fingerprint reads as ssh-keygen prints it`() throws {
        #expect(try HostKey(ed25519).fingerprint == "SHA256:o544QC1mKsyCQYM7XwHuvZgN9X3hUUps1EbZtMT7HZY")
    }
}
