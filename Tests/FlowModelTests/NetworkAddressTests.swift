import FlowModel
import Testing

@Suite("Network addresses", .timeLimit(.minutes(10)))
struct NetworkAddressTests {
    @Test func `names and addresses with a port are taken, and nothing that could be an option or a word of a shell`() {
        for (text, host, port) in [
            ("web-1:8080", "web-1", 8080), ("10.0.0.1:1", "10.0.0.1", 1), ("[2001:db8::1]:443", "2001:db8::1", 443),
            ("[fe80::1%eth0]:65535", "fe80::1%eth0", 65_535), ("a_b.example.com:22", "a_b.example.com", 22),
        ] {
            let endpoint = NetworkAddress(text)
            #expect(endpoint?.host == host && endpoint?.port == port, "\(text)")
        }
        for text in [
            "", ":", ":80", "web", "web:", "web:0", "web:65536", "web:+80", "web: 80", "web:80 ", "web:8o", "web:000080", "-web:80", "we b:80",
            "web;id:80", "::1:80", "[::1]", "[::1]80", "[web]:80", "[]:80", "web\n:80", "wéb:80", "$(id):80", "web:99999999999999999999",
            String(repeating: "a", count: 254) + ":1",
        ] {
            #expect(NetworkAddress(text) == nil, "\(text)")
        }
    }

    @Test func `what cannot be waited for does not load`() {
        func faults(_ endpoint: String, interval: Int = 2, timeout: Int = 300) -> [String] {
            let span = WatchSpan(answers: true, intervalSeconds: interval, timeoutSeconds: timeout)
            let spec = WaitForPortSpec(endpoint: .literal(.string(endpoint)), span: span)
            return spec.faults(in: Plan(flow: "test", dsl: "0")) + spec.mistakes
        }
        #expect(faults("web-1:80") == [])
        #expect(faults("web-1") == ["its endpoint 'web-1' is not an address and a port, such as web-1:8080 or [2001:db8::1]:443"])
        #expect(faults("web-1:80", interval: 0).count == 1 && faults("web-1:80", interval: 3_601).count == 1)
        #expect(faults("web-1:80", timeout: 0).count == 1 && faults("web-1:80", timeout: .max).count == 1)
    }
}
