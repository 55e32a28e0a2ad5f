import FlowDSL
import FlowModel
import Testing

private enum Stage: String, CaseIterable, Codable, Sendable { case test, live }

private struct Everything: Flow {
    @Param("text") var text: String
    @Param("whole") var whole: Int = 3
    @Param("decimal") var decimal: Double = 0.5
    @Param("flag") var flag: Bool = false
    @Param("stage") var stage: Stage = .test
    @Param("stages") var stages: [Stage] = [.live]
    @Param("needed stage") var needed: Stage
    @Param("names", choices: [["a"], ["b"]]) var names: [String]
    @Param("numbers") var numbers: [Int] = [1]
    @Param("hosts") var hosts: Selector = "web-*"
    @Param("password", secret: true) var password: String

    var body: some FlowBody {
        shell("x", "run \($text) \($whole) \($decimal) \($flag) \($stage) \($hosts) \($password)")
        when($stage == .live || $numbers.count > 2 || $text.contains("now") || $numbers.contains(7)) { shell("y", "true") }
    }
}

@Suite("Parameters", .timeLimit(.minutes(10)))
struct ParameterTests {
    private func parameter(_ name: String) throws -> Parameter {
        try #require(plan(Everything.self).parameters.first { $0.name == name })
    }

    @Test func `every type has its kind`() throws {
        let kinds = plan(Everything.self).parameters.map(\.kind)
        #expect(
            kinds == [
                .string, .int, .double, .bool, .string, .list(.string), .string, .list(.string), .list(.int), .selector,
                .string,
            ])
    }

    @Test func `the cases of an enum are the choices`() throws {
        #expect(try parameter("stage").choices == ["test", "live"])
        #expect(try parameter("stage").fallback == "test")
        #expect(try parameter("stages").choices == ["test", "live"])
        #expect(try parameter("needed").isRequired)
    }

    @Test func `a parameter without a default is required`() throws {
        #expect(try parameter("text").isRequired)
        #expect(try !parameter("whole").isRequired)
    }

    @Test func `a secret says so`() throws {
        #expect(try parameter("password").isSecret)
    }

    @Test func `conditions become expressions`() throws {
        guard case .choice(let condition) = try plan(Everything.self).node("when-1").kind else { return }
        #expect(
            condition
                == .or(
                    .or(
                        .or(
                            .compare(.equal, .parameter("stage"), .literal("live")),
                            .compare(.greater, .count(.parameter("numbers")), .literal(2))),
                        .contains(.parameter("text"), .literal("now"))),
                    .contains(.parameter("numbers"), .literal(7))))
    }

    @Test func `reading a parameter while the plan is made is a mistake at the step that it stands in`() {
        struct Reads: Flow {
            @Param("v") var version: String
            var body: some FlowBody { shell("x", "echo \(version)") }
        }
        let found = FlowDescription(of: Reads.self).envelope.diagnostics
        #expect(found.count == 1)
        #expect(found.first?.message.contains("write $version") == true)
        #expect(found.first?.location?.hasPrefix("ParameterTests.swift:") == true)
    }
}
