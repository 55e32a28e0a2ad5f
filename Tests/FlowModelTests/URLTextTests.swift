import FlowModel
import Testing

/// Values in URLs: whatever they hold, they do not change where the URL leads.
@Suite("URLs of values", .timeLimit(.minutes(10)))
struct URLTextTests {
    private func url(_ pieces: URLText.Piece..., query: [(name: String, value: String)] = []) -> String? {
        try? URLText(pieces).text(query: query)
    }

    @Test func `a value in the path is one part of it, in the query one value`() {
        let hostile = "a/b?c=d&e#f %2e\u{0}é\r\n"
        let encoded = "a%2Fb%3Fc%3Dd%26e%23f%20%252e%00%C3%A9%0D%0A"
        #expect(url(.written("https://h/x/"), .value(hostile), .written("/y")) == "https://h/x/\(encoded)/y")
        #expect(url(.written("https://h/x?q="), .value(hostile)) == "https://h/x?q=\(encoded)")
        #expect(url(.written("https://h/x"), query: [("a b", hostile), ("c", "")]) == "https://h/x?a%20b=\(encoded)&c=")
        #expect(url(.written("https://h/x?a=1#part"), query: [("b", "2")]) == "https://h/x?a=1&b=2")
    }

    @Test(arguments: ["..", "."]) func `no value leads to another folder`(_ value: String) {
        #expect(url(.written("https://h/x/"), .value(value), .written("/y")) == nil)
        #expect(url(.written("https://h/x/"), .value(value)) == nil && url(.written("https://h/x/"), .value(value), .written("?a")) == nil)
        #expect(url(.written("https://h/x/."), .value(""), .written("/y")) == nil && url(.written("https://h/x/"), .value(""), .written("/y")) == nil)
        #expect(url(.written("https://h/x?q="), .value(value)) == "https://h/x?q=\(value)")
        #expect(url(.written("https://h/a"), .value(value), .written("b/y")) == "https://h/a\(value)b/y")
        #expect(url(.written("https://h/a"), .value(""), .written("/y")) == "https://h/a/y")
    }

    @Test(arguments: ["a@b", "a/b", "a?b", "a#b", "a b", "a\\b", "é", ""]) func `a host is a host`(_ value: String) {
        let isHost = value.isEmpty
        #expect((url(.written("https://"), .value(value), .written("h/x")) != nil) == isHost)
        #expect((url(.written("https://user@"), .value(value), .written(":80/x")) != nil) == isHost)
    }

    @Test func `hosts and ports may be values, and whole URLs`() {
        #expect(url(.written("http://"), .value("10.0.0.7"), .written(":"), .value("8080"), .written("/")) == "http://10.0.0.7:8080/")
        #expect(url(.written("http://["), .value("fe80::1%eth0"), .written("]/")) == "http://[fe80::1%eth0]/")
        #expect(url(.written("http://"), .value("2001:db8::1"), .written(":8080/")) == "http://[2001:db8::1]:8080/")
        #expect(url(.written("http://"), .value("web-1:8080"), .written("/")) == "http://web-1:8080/")
        #expect(url(.value("https://h/a/b?c=d"), .written("/e/"), .value("f/g")) == "https://h/a/b?c=d/e/f%2Fg")
    }

    @Test(arguments: ["ftp://h/", "file:///etc/passwd", "h/x", "", "javascript:1"]) func `other protocols are refused`(_ text: String) {
        #expect(url(.written(text)) == nil)
        #expect(url(.value(text)) == nil)
    }

    @Test func `people are not shown who asks`() {
        #expect(URLText([.written("https://me:pw@h/a b?c"), .value("é/")]).shown == "https://h/a b?cé/")
        #expect(URLText([.written("https://h/@x")]).shown == "https://h/@x")
        #expect(URLText([.value("no url @ all")]).shown == "no url @ all")
    }

    @Test func `what an author wrote is written as URLs are`() {
        #expect(url(.written("https://h/a b/é?x=ü")) == "https://h/a%20b/%C3%A9?x=%C3%BC")
        #expect(url(.written("htt"), .value("ps://h/")) == nil)
    }
}
