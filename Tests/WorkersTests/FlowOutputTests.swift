import FlowModel
import Testing
import Workers

@Suite("$FLOW_OUTPUT", .timeLimit(.minutes(10)))
struct FlowOutputTests {
    private let shape = TypeShape.object([
        .init(name: "path", shape: .string), .init(name: "count", shape: .int), .init(name: "ratio", shape: .double),
        .init(name: "isNew", shape: .bool), .init(name: "tags", shape: .optional(.list(.string))),
    ])

    private func read(_ text: String?, _ shape: TypeShape? = nil) throws(AttemptResult.Failure) -> FlowOutput {
        try FlowOutput(text.map { Array($0.utf8) }, as: shape)
    }

    @Test func `lines are coerced to the declared type`() throws {
        let output = try read("path=/a=b c\ncount=7\nratio=0.5\nisNew=true\ntags=[\"x\"]\nchanged=true\n", shape)
        #expect(
            output.value == ["path": "/a=b c", "count": 7, "ratio": 0.5, "isNew": true, "tags": ["x"], "changed": "true"])
        #expect(output.changed == true)
    }

    @Test func `a first brace makes it JSON`() throws {
        let output = try read(#"{"path":"x","count":1,"ratio":2,"isNew":false,"changed":false}"#, shape)
        #expect(output.value?["ratio"] == 2)
        #expect(output.changed == false)
    }

    @Test(arguments: ["\r\n", "\n"], ["", "\u{FEFF}"])
    func `lines may end as on Windows, and begin with a byte order mark`(end: String, mark: String) throws {
        let text = mark + ["path=/a", "count=7", "ratio=0.5", "isNew=true", "", "changed=true"].joined(separator: end) + end
        let output = try read(text, shape)
        #expect(output.value == ["path": "/a", "count": 7, "ratio": 0.5, "isNew": true, "changed": "true"])
        #expect(output.changed == true)
        #expect(try read(mark + "note" + end + "changed=true" + end).changed == true)
        #expect(try read(mark + "{" + end + "\"changed\": true" + end + "}" + end).changed == true)
        for text in ["x" + end + "retryAfter=90" + end, "{\"retryAfter\": 90}" + end] {
            #expect(FlowOutput.retryAfter(in: Array((mark + text).utf8)) == 90)
        }
    }

    @Test func `only a line feed ends a line`() throws {
        let output = try read("path=a\u{85}b\u{2028}c\u{301}\ncount=1\nratio=1\nisNew=true\n", shape)
        #expect(output.value?["path"] == "a\u{85}b\u{2028}c\u{301}")
        // A mark that joins the character before it.
        #expect(try read("path=\u{301}\ncount=1\nratio=1\nisNew=true\n", shape).value?["path"] == "\u{301}")
    }

    @Test func `nothing is needed where nothing is declared`() throws {
        #expect(try read(nil) == read(""))
        #expect(try read("just a note\nchanged=true\n").changed == true)
        #expect(try read(nil).changed == nil)
        #expect(try read(nil).value == nil)
    }

    @Test(arguments: [
        (nil, "nothing was written to it"), ("", "nothing was written to it"), ("path=x\n", "count: missing"),
        ("path=x\ncount=seven\n", "count: 'seven' is not Int"), ("{\"path\":", "not a JSON object"),
        ("no equals sign", "is not name=value"), ("path=x\nchanged=maybe", "changed is true or false"),
        ("[1]", "is not name=value"), ("path=a\0b", "NUL"),
        ("path=\u{E0F1}x\ncount=1\nratio=1\nisNew=true\n", "mark sealed secrets"),
        ("path=x\rcount=1\r", "carriage return"),
        ("path=x\ncount=1\rratio=2\n", "the line 'count=1\\rratio=2' has a carriage return in it"),
    ]) func `what does not fit is refused with the reason`(text: String?, reason: String) {
        let failure = #expect(throws: AttemptResult.Failure.self) { try read(text, shape) }
        #expect(failure?.cause == .output)
        #expect(failure?.isRetryable == false)
        #expect(failure?.message.contains(reason) == true, "\(failure?.message ?? "")")
    }

    @Test func `bytes that are no text are refused`() {
        #expect(throws: AttemptResult.Failure.self) { try FlowOutput([0x61, 0x3D, 0xFF], as: .dictionary(.string)) }
        let failure = #expect(throws: AttemptResult.Failure.self) { try FlowOutput([0xFF, 0xFE, 0x61, 0, 0x3D, 0], as: .dictionary(.string)) }
        #expect(failure?.message.contains("it is UTF-16, not UTF-8 (iconv") == true)
    }

    @Test func `standard output becomes what a shell would substitute, cut at a whole character`() {
        #expect(OutputText.value(Array("a\n b\n\n".utf8)).text == "a\n b")
        let long = "x" + String(repeating: "ü", count: Limits.stdoutValueBytes)
        let cut = OutputText.value(Array(long.utf8))
        #expect(cut.isCut)
        #expect(cut.text == String(long.unicodeScalars.prefix(1 + (Limits.stdoutValueBytes - 1) / 2)))
    }

    @Test(
        arguments: [
            ([0x6F, 0x6B, 0xD6, 0xD0], "byte 2"), ([0xC3], "byte 0"), ([0xC3, 0xA4, 0xFF], "byte 2"), ([0x61, 0], "NUL"),
            (Array("\u{E0F1}".utf8), "no value may hold"),
        ] as [([UInt8], String)])
    func `what is no text becomes no value, and the reason says where`(bytes: [UInt8], reason: String) {
        let value = OutputText.value(bytes)
        #expect(value.text == nil)
        #expect(value.fault?.contains(reason) == true, "\(value)")
    }

    @Test func `a last line is for people`() {
        #expect(OutputText.lastLine(Array("one\n\u{1B}[31mred\u{1B}[0m\tx\u{07}\n\n  \n".utf8)) == "red x")
        #expect(OutputText.lastLine(Array("10%\r50%\r99%".utf8)) == "99%")
        #expect(OutputText.lastLine([0x0A, 0x0A]) == nil)
        #expect(OutputText.lastLine([UInt8](repeating: 0x61, count: 4_000))?.count == 200)
        #expect(OutputText.lastLine(Array("safe\u{202E}evil".utf8)) == "safeevil")
    }
}
