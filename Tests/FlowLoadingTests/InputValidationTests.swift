import FlowLoading
import FlowModel
import Testing

@Suite("Input validation", .timeLimit(.minutes(10)))
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

    @Test func `a choice that is missing is refused with what can be chosen`() {
        let stage = [Parameter(name: "stage", help: "where to", kind: .string, choices: ["test", "live"])]
        let secret = [Parameter(name: "password", kind: .string, isSecret: true)]
        let missing = #expect(throws: FlowError.self) { try InputValidation.resolve(secret, given: [:]) }
        #expect(missing?.hint?.hasPrefix("Give secrets with --inputs FILE.json") == true, "a process list shows what stands after -p")
        let error = #expect(throws: FlowError.self) { try InputValidation.resolve(stage, given: [:]) }
        #expect(error?.errors.map(\.message) == ["is missing: a text, one of test, live (where to)"])
    }

    @Test func `all secrets together have a bound`() {
        let half = String(repeating: "a", count: Limits.secretBytes / 2)
        let two = [Parameter(name: "one", kind: .string, isSecret: true), Parameter(name: "two", kind: .string, isSecret: true)]
        #expect(throws: Never.self) { try InputValidation.resolve(two, given: ["one": .string(half), "two": .string(half)]) }
        let error = #expect(throws: FlowError.self) { try InputValidation.resolve(two, given: ["one": .string(half + "a"), "two": .string(half)]) }
        #expect(error?.errors.map(\.subject) == ["one", "two"])
        #expect(error?.errors.first?.message.hasPrefix("has 32769 of the 65537 bytes of all secrets; they may have 65536") == true)
    }

    @Test func `a pattern matches the whole text`() {
        #expect(faults(["version": "1.2.3-rc"]) == [#"version must match \d+\.\d+\.\d+, found "1.2.3-rc""#])
    }

    @Test func `a pattern that an earlier version took and this one does not refuses what is given, not the default`() throws {
        let old = [Parameter(name: "name", kind: .string, fallback: "web", pattern: "(?<!db)[a-z]+")]
        #expect(try InputValidation.resolve(old, given: [:]) == ["name": "web"])
        #expect(try InputValidation.resolve(old, given: ["name": "web"]) == ["name": "web"])
        let error = #expect(throws: FlowError.self) { try InputValidation.resolve(old, given: ["name": "app"]) }
        let message = error?.errors.first?.message ?? ""
        #expect(message.contains("looking behind") && message.contains("register the flow again"), "\(message)")
    }

    @Test func `the inputs of one request share what patterns may take`() throws {
        let two = ["one", "two"].map { Parameter(name: $0, kind: .list(.string), pattern: "([a-z]?){400}") }
        let long: JSON = .array([.string(String(repeating: "a", count: 14_000)), .string(String(repeating: "a", count: 14_000))])
        let error = #expect(throws: FlowError.self) { try InputValidation.resolve(two, given: ["one": long, "two": long]) }
        #expect(error?.errors.map(\.subject) == ["one", "two"])
        #expect(error?.errors.last?.message.contains("is too long to be compared") == true)
    }

    @Test(arguments: ["[a,b", "[a,b]", #"["a"] x"#, "[::1]:22"])
    func `a list that begins as JSON and is none is refused, not split`(text: String) {
        let kind = Parameter.Kind.list(.string)
        #expect(InputValidation.parse(text, as: kind) == nil)
        let faults = InputValidation.faults(of: .string(text), for: Parameter(name: "hosts", kind: kind))
        #expect(faults.count == 1 && faults[0].contains("it begins with '[' and is not JSON"), "\(faults)")
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
