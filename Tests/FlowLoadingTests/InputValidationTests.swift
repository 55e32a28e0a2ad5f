import FlowLoading
import FlowModel
import Testing

@Suite("Input validation")
struct InputValidationTests {
    private let parameters = [
        Parameter(name: "version", kind: .string, pattern: #"\d+\.\d+\.\d+"#), Parameter(name: "count", kind: .int, fallback: 3),
        Parameter(name: "share", kind: .double, fallback: 0.5), Parameter(name: "level", kind: .string, fallback: "low", choices: ["low", "high"]),
        Parameter(name: "tags", kind: .list(.string), fallback: []),
        Parameter(name: "password", kind: .string, fallback: "x", pattern: "[a-z]+", isSecret: true),
    ]

    private func faults(_ given: [String: JSON]) -> [String] {
        do throws(FlowError) {
            _ = try InputValidation.resolve(parameters, given: given)
            return []
        } catch {
            return error.errors.map { "\($0.subject) \($0.message)" }
        }
    }

    @Test func `inputs are completed with the defaults`() throws {
        let values = try InputValidation.resolve(parameters, given: ["version": "1.2.3", "share": 1])
        #expect(values == ["version": "1.2.3", "count": 3, "share": 1.0, "level": "low", "tags": [], "password": "x"])
    }

    @Test func `all faults are found at once`() {
        let found = faults(["versoin": "1.2.3", "count": "three", "level": "middle", "tags": ["a", 1]])
        #expect(
            found == [
                "versoin is not a parameter of the flow; did you mean 'version'?", "version is missing: a text",
                "count must be a whole number, found a String: \"three\"", "level must be one of low, high, found \"middle\"",
                "tags must be a list, each element a text, found a list: [\"a\",1]",
            ])
    }

    @Test func `a pattern matches the whole text`() {
        #expect(faults(["version": "1.2.3-rc"]) == [#"version must match \d+\.\d+\.\d+, found "1.2.3-rc""#])
    }

    @Test func `a secret is not repeated in a message`() {
        let found = faults(["version": "1.2.3", "password": "Hunter2"])
        #expect(found == ["password must match [a-z]+, found the value given"])
    }

    @Test func `NUL and the marks of sealed secrets are refused`() {
        #expect(faults(["version": "1.2.3", "tags": ["a\u{0}b"]]).count == 1)
        #expect(faults(["version": "1.2.3", "tags": [.string(SealedText.marker("AAAA"))]]).count == 1)
    }

    private static let texts: [(String, Parameter.Kind, JSON)] = [
        ("5", .int, 5), ("5", .double, 5.0), ("true", .bool, true), ("a,b", .list(.string), ["a", "b"]),
        (#"["a,b"]"#, .list(.string), ["a,b"]), ("", .list(.int), []), ("1,2", .list(.int), [1, 2]),
    ]

    @Test(arguments: texts)
    func `a text on the command line becomes the value of its kind`(text: String, kind: Parameter.Kind, value: JSON) {
        #expect(InputValidation.parse(text, as: kind) == value)
    }

    @Test func `a text that is no value of its kind gives none`() {
        #expect(InputValidation.parse("yes", as: .bool) == nil)
        #expect(InputValidation.parse("1,x", as: .list(.int)) == nil)
        #expect(InputValidation.parse("inf", as: .double) == nil)
    }
}
