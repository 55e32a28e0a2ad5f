import FlowModel
import FlowServer
import Logging
import Testing

@Suite("Log lines", .timeLimit(.minutes(10)))
struct LineLogHandlerTests {
    @Test(arguments: [
        ("plain", "plain"), ("two words", "\"two words\""), ("a\nb", "a\\nb"), ("\u{1B}[31m", "\\u{1b}[31m"), ("", "\"\""),
        ("a=b", "\"a=b\""),
        ("say \"x\"", "\"say \\\"x\\\"\""),
    ])
    func `no value can forge a line or another value`(value: String, shown: String) {
        let line = LineLogHandler.line(
            at: Instant(milliseconds: 0), level: .info, message: "served\nfake", metadata: ["key": .string(value)])
        #expect(line == "1970-01-01T00:00:00.000Z info served\\nfake key=\(shown)\n")
    }
}
