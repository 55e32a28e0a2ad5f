import FlowModel
import Testing
import Workers

@Suite("$FLOW_OUTPUT")
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
    ]) func `what does not fit is refused with the reason`(text: String?, reason: String) {
        let failure = #expect(throws: AttemptResult.Failure.self) { try read(text, shape) }
        #expect(failure?.cause == .output)
        #expect(failure?.isRetryable == false)
        #expect(failure?.message.contains(reason) == true, "\(failure?.message ?? "")")
    }

    @Test func `bytes that are no text are refused`() {
        #expect(throws: AttemptResult.Failure.self) { try FlowOutput([0x61, 0x3D, 0xFF], as: .dictionary(.string)) }
    }

    @Test func `standard output becomes what a shell would substitute, cut at a whole character`() {
        #expect(OutputText.value(Array("a\n b\n\n".utf8)).text == "a\n b")
        let long = Array(String(repeating: "ü", count: Limits.stdoutValueBytes).utf8.dropFirst())
        let cut = OutputText.value(Array(long))
        #expect(cut.isCut)
        #expect(cut.text.utf8.count <= Limits.stdoutValueBytes + 3)
        #expect(cut.text.unicodeScalars.dropFirst().allSatisfy { $0 == "ü" })
    }

    @Test func `a last line is for people`() {
        #expect(OutputText.lastLine(Array("one\n\u{1B}[31mred\u{1B}[0m\tx\u{07}\n\n  \n".utf8)) == "red x")
        #expect(OutputText.lastLine(Array("10%\r50%\r99%".utf8)) == "99%")
        #expect(OutputText.lastLine([0x0A, 0x0A]) == nil)
        #expect(OutputText.lastLine([UInt8](repeating: 0x61, count: 4_000))?.count == 200)
        #expect(OutputText.lastLine(Array("safe\u{202E}evil".utf8)) == "safeevil")
    }
}
