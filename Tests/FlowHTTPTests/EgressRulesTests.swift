import FlowHTTP
import FlowTestKit
import Testing

@Suite("Egress rules", .timeLimit(.minutes(10)))
struct EgressRulesTests {
    private func ip(_ text: String) throws -> IPAddress { try #require(IPAddress(text)) }
    private func network(_ text: String) throws -> IPNetwork { try #require(IPNetwork(text)) }

    private func refusal(_ address: String, _ rules: EgressRules = EgressRules()) throws -> EgressRules.Refusal.Reason? {
        rules.refusal(of: try ip(address))?.reason
    }

    @Test(arguments: [
        "169.254.169.254", "169.254.0.1", "::ffff:169.254.169.254", "::ffff:a9fe:a9fe", "64:ff9b::169.254.169.254", "fe80::1", "febf::1",
        "fd00:ec2::254", "fd20:ce::254", "168.63.129.16", "100.100.100.200", "192.0.0.192", "0.0.0.0", "0.1.2.3", "::", "224.0.0.1",
        "239.255.255.255", "ff02::1", "240.0.0.1", "255.255.255.255", "2002:a9fe:a9fe::1", "2001:0:1::1", "64:ff9b:1::7f00:1",
    ])
    func `what nobody means is forbidden`(address: String) throws {
        guard case .forbidden = try refusal(address) else {
            Issue.record("\(address) may be connected to")
            return
        }
    }

    @Test(arguments: [
        "10.1.2.3", "192.168.0.1", "172.16.0.1", "8.8.8.8", "169.253.255.255", "169.255.0.0", "223.255.255.255", "fd00::1", "2a00::1",
        "64:ff9b::8.8.8.8",
    ])
    func `private and public networks are not`(address: String) throws { #expect(try refusal(address) == nil) }

    @Test func `who forbids a way of writing addresses forbids all that are written so`() throws {
        let rules = EgressRules(forbidden: [try network("64:ff9b::/96")])
        guard case .forbidden = try refusal("64:ff9b::8.8.8.8", rules) else {
            Issue.record("NAT64 comes past the rule that forbids it")
            return
        }
        #expect(try refusal("8.8.8.8", rules) == nil)
    }

    @Test(arguments: ["127.0.0.1", "127.255.255.254", "::1", "::ffff:127.0.0.1", "64:ff9b::127.0.0.1"])
    func `loopback is a choice of its own`(address: String) throws {
        #expect(try refusal(address) == .loopback)
        #expect(try refusal(address, EgressRules(isLoopbackAllowed: true)) == nil)
        let only = EgressRules(allowed: [try network("10.0.0.0/8")], isLoopbackAllowed: true)
        #expect(try refusal(address, only) == nil)
    }

    @Test func `where some are allowed the others are not, and what is forbidden stays so`() throws {
        let rules = EgressRules(
            allowed: try ["10.0.0.0/8", "fd12::/16", "169.254.0.0/16"].map { try network($0) },
            forbidden: EgressRules.usuallyForbidden + [try network("10.9.0.0/16")])
        #expect(try refusal("10.1.2.3", rules) == nil)
        #expect(try refusal("::ffff:10.1.2.3", rules) == nil)
        #expect(try refusal("fd12::1", rules) == nil)
        #expect(try refusal("11.0.0.1", rules) == .notAllowed)
        #expect(try refusal("fd13::1", rules) == .notAllowed)
        #expect(try refusal("10.9.0.1", rules) == .forbidden(try network("10.9.0.0/16")))
        #expect(try refusal("169.254.169.254", rules) != nil)
    }

    @Test func `networks are read strictly`() throws {
        for bad in [
            "", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/", "10.0.0.0/+8", "10.0.0.0/8/8", "10.1.0.0/8", "fe80::1/10", "::/129", "x", "10.0/8",
            "::ffff:0.0.0.0/95",
        ] {
            #expect(IPNetwork(bad) == nil, "\(bad)")
        }
        #expect(try network("10.1.2.3").bits == 32)
        #expect(try network("::1").bits == 128)
        #expect(IPNetwork("::ffff:10.0.0.0/104") == IPNetwork("10.0.0.0/8"))
        let whole = try network("0.0.0.0/0")
        #expect(whole.contains(try ip("255.1.2.3")))
        #expect(!whole.contains(try ip("::1")))
        let odd = try network("172.16.0.0/12")
        #expect(odd.contains(try ip("172.31.255.255")))
        #expect(!odd.contains(try ip("172.32.0.0")))
        // All of them are read: one that is not would be no rule, silently.
        #expect(EgressRules.usuallyForbidden.count == 15)
    }

    @Test func `an address says itself as people write it`() throws {
        #expect(try ip("::ffff:127.0.0.1").description == "127.0.0.1")
        #expect(try ip("2001:DB8::0001").description == "2001:db8::1")
        #expect(try network("fe80::/10").description == "fe80::/10")
    }
}
