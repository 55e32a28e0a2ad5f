import FlowModel

/// One of each kind of work, in which every value is the output of another step: `from-1`, `from-2` …
enum WorkSample {
    static let all: [any WorkSpec] = [
        ShellSpec(
            source: .text("true"), variables: [.init(name: "flow_1", value: value(1))], arguments: [value(2)], environment: ["A": value(3)],
            workdir: value(4), target: value(5), account: value(6)),
        CopySpec(from: value(1), to: value(2), target: value(3), account: value(4), mode: "0644"),
        SwiftStepSpec(inputs: [value(1), value(2)]),
        WaitForPortSpec(endpoint: value(1), span: span, target: value(2)), PingSpec(host: value(1), span: span, target: value(2)),
    ]

    private static let span = WatchSpan(answers: true, intervalSeconds: 1, timeoutSeconds: 60)
    private static func value(_ number: Int) -> Expression { .output(node: "from-\(number)", path: ["stdout"]) }
}

/// Gives each of them a value of its own.
struct SampleScope: ExpressionScope {
    func parameter(_ name: String) -> JSON? { nil }
    func output(of node: String) -> StepValue { .value(["stdout": .string("value of \(node)")]) }
    func element(of map: String) -> JSON? { nil }
    func fact(_ fact: FlowModel.Expression.RunFact) -> JSON { .null }
}
