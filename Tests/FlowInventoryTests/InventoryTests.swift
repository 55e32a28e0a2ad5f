import FlowInventory
import FlowModel
import Testing

let ed25519 = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJgCTFpCjZyvmfHVIlVuQQAdkbGMI4sPWFUMpZh8Ng1B"
let otherKey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8g"

let sample = """
    # Kept by hand.
    hosts:
      web-2: {address: 127.0.10.2, port: 2222, user: ops, identityFile: ~/.ssh/id, hostKey: "\(ed25519) web", labels: {idc: js, role: web, on: yes}}
      web-1:
        address: web-1.example.com
        hostKeys: [\(ed25519), "\(otherKey)"]
      db-1: {address: "::1", labels: {role: db}}

    groups:
      web: [web-1, web-2]
      empty: []
    """

@Suite("Inventory files", .timeLimit(.minutes(10)))
struct InventoryTests {
    @Test func `hosts, groups and labels are read in the order of the file`() throws {
        let inventory = try Inventory.parse(sample, file: "inventory.yaml")
        #expect(inventory.hosts.map(\.name) == ["web-2", "web-1", "db-1"])
        #expect(
            inventory.hosts[0]
                == Host(
                    name: "web-2", address: "127.0.10.2", port: 2222, user: "ops", identityFile: "~/.ssh/id",
                    hostKeys: [ed25519], labels: ["idc": "js", "role": "web", "on": "yes"]))
        #expect(inventory.hosts[1].hostKeys == [ed25519, otherKey])
        #expect(inventory.host(named: "db-1")?.port == 22)
        #expect(inventory.groups == ["web": ["web-1", "web-2"], "empty": []])
    }

    @Test(arguments: [
        ("::1", "::1"), ("[::1]", "::1"), ("fe80::1%eth0", "fe80::1%eth0"), ("10.0.0.1", "10.0.0.1"), ("web-1.example.com", "web-1.example.com"),
    ])
    func `addresses are names, IPv4 and IPv6, which may stand in brackets`(_ text: String, _ address: String) throws {
        let inventory = try Inventory.parse("hosts: {a: {address: '\(text)'}}", file: "f")
        #expect(inventory.hosts.map(\.address) == [address])
        #expect(FlowModel.Host.place(address, 22) == (address.contains(":") ? "[\(address)]:22" : "\(address):22"))
    }

    @Test(arguments: ["", "# nothing\n", "hosts:\n", "hosts: {}\ngroups:\n", "~"])
    func `a file without hosts is an empty inventory`(_ text: String) throws {
        #expect(try Inventory.parse(text, file: "f").hosts.isEmpty)
    }

    private func faults(_ text: String) -> [String] {
        do throws(FlowError) {
            _ = try Inventory.parse(text, file: "f")
            return []
        } catch {
            return error.errors.map { "\($0.location ?? "") \($0.subject): \($0.message)" }
        }
    }

    @Test(arguments: [
        ("hosts: {a: {address: x, prot: 22}}", "f:1 host 'a': has no key 'prot'. Did you mean 'port'?"),
        ("hosts:\n  a:\n    address: [x]", "f:3 a.address: must be a text, not a list"),
        ("hosts:\n  a: {address: x, port: \"22\"}", "f:2 a.port: must be a whole number from 1 to 65535, not '22'"),
        ("hosts:\n  a: {address: x, port: 65536}", "f:2 a.port: must be"),
        ("hosts:\n  a: {port: 22}", "f:2 a: has no address"),
        ("hosts:\n  a: {address: x}\n  b: {address: y}\n  a: {address: z}", "f:4 a: stands twice"),
        ("hosts:\n  'a b': {address: x}", "f:2 host 'a b': a name has"),
        ("hosts:\n  -a: {address: x}", "f:2 host '-a': a name has"),
        ("hosts:\n  a: {address: -oProxyCommand=x}", "f:2 a.address: '-oProxyCommand=x' is not"),
        ("hosts:\n  a: {address: x, user: -l}", "f:2 a.user: '-l' is not an account name"),
        ("hosts:\n  a: {address: x, user: }", "f:2 a.user: must be a text, not nothing"),
        ("hosts:\n  a: {address: x, labels: [b]}", "f:2 a.labels: must be a mapping"),
        ("hosts:\n  a: {address: x, labels: {b: \"\\x07\"}}", "f:2 a.labels.b: has control characters"),
        ("hosts:\n  a: {address: x, hostKey: ssh-ed25519}", "f:2 a.hostKey: a host key is TYPE BASE64"),
        ("hosts:\n  a: {address: x, hostKey: ssh-dss AAAA}", "f:2 a.hostKey: 'ssh-dss' is not a host key type"),
        ("hosts:\n  a: {address: x, hostKey: ssh-rsa AAAAC3NzaC1lZDI1NTE5AAAAIA==}", "f:2 a.hostKey: the key does not say"),
        ("hosts:\n  a: {address: x, hostKey: \(ed25519), hostKeys: []}", "f:2 a: has both hostKey and hostKeys"),
        ("hosts: []", "f:1 hosts: must be a mapping"),
        ("- a", "f:1 the file: must be a mapping"),
        ("host: {}", "f:1 the file: has no key 'host'. Did you mean 'hosts'?"),
        ("hosts: {a: {address: x}}\ngroups:\n  g: [b]", "f:3 group 'g': lists 'b', which is not a host"),
        ("hosts: {a: {address: x}}\ngroups:\n  g: [a,\n    a]", "f:4 group 'g': lists 'a' twice"),
        ("hosts: {a: {address: x}}\ngroups: {g: a}", "f:2 group 'g': must be a list"),
        (
            "hosts:\n  a: {address: \"10.0.0.1:2222\"}",
            "f:2 a.address: '10.0.0.1:2222' is an address with a port: write address 10.0.0.1 and port 2222"
        ),
        ("hosts:\n  a: {address: \"[::1]:22\"}", "f:2 a.address: '[::1]:22' is an address with a port: write address ::1 and port 22"),
        ("hosts:\n  a: {address: \"web:ssh\"}", "f:2 a.address: 'web:ssh' is not a host name"),
        ("hosts:\n  a: {address: \"1::2::3\"}", "f:2 a.address: '1::2::3' is not"),
        ("hosts:\n  a: {address: 10.0.0.300}", "f:2 a.address: '10.0.0.300' is not an IPv4"),
        ("hosts: {a: {address: x}}\n---\nhosts: {}", "f:3 YAML: a second document"), ("hosts: {}\r\nmore: 1\r\nhosts: {}", "f:3 hosts: stands twice"),
        ("hosts:\r  a: {address: x}\r  b: {adress: x}", "f:3 host 'b': has no key 'adress'"),
        ("hosts:\n  a: {address: x, labels: {b: \"\\x9b\"}}", "f:2 a.labels.b: has control"),
        ("# c\rhosts: &x {}", "f:2 YAML: anchors"), ("hosts:\n  a: {address: \u{7}}", "f:2 YAML: control characters"),
        ("hosts:\n\ta: b", "f:2 YAML: "),
        ("hosts:\n  a: &x {address: x}\n  b: *x", "f:2 YAML: anchors and aliases"),
        ("hosts:\n  a: {address: x, labels: {glob: *}}", "f:2 YAML: anchors and aliases"),
    ])
    func `each fault is reported with its line`(_ text: String, _ expected: String) {
        let found = faults(text)
        #expect(found.contains { $0.hasPrefix(expected) }, "\(found)")
    }

    @Test func `all faults are reported at once`() {
        #expect(faults("hosts:\n  a: {port: 0}\n  b: {adress: x}\nmore: 1").count == 5)
    }

    @Test func `quoted stars and ampersands are texts`() throws {
        let inventory = try Inventory.parse(
            "hosts:\n  a: {address: x, labels: {b: '*', c: \"&\", d: a & b * c}} # &x *y\n", file: "f")
        #expect(inventory.hosts[0].labels == ["b": "*", "c": "&", "d": "a & b * c"])
    }

    @Test func `an alias bomb and a deep nest are refused at once`() {
        var bomb = "hosts:\n  a0: &a0 {address: x}\n"
        for level in 1...60 { bomb += "  a\(level): &a\(level) [*a\(level - 1), *a\(level - 1)]\n" }
        #expect(faults(bomb).first?.contains("anchors and aliases") == true)
        #expect(!faults("hosts: " + String(repeating: "[", count: 100_000)).isEmpty)
        #expect(!faults("hosts: " + String(repeating: "{a: ", count: 100_000)).isEmpty)
    }

    @Test func `a file that is missing or not UTF-8 is named`() throws {
        let missing = #expect(throws: FlowError.self) { _ = try Inventory.load("/nonexistent/inventory.yaml") }
        #expect(missing?.code == .notFound)
        #expect(missing?.message.contains("/nonexistent/inventory.yaml") == true)
    }
}
