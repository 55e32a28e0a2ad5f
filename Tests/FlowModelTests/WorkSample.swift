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
        HTTPSpec(
            .post, .text([.literal("https://"), value(1), .literal("/x/"), value(2)]), headers: [.init(name: "X-A", value: value(3))],
            query: [.init(name: "q", value: value(4))], body: .json(.object(["a": value(5), "b": .list([value(6)])])),
            authorization: .basic(user: value(7), password: value(8)),
            tls: .init(authorities: value(9), certificate: value(10), key: value(11)), proxy: value(12)),
        HTTPSpec(
            .put, value(1), body: .form([.init(name: "f", value: value(2))]), authorization: .bearer(value(3)),
            xml: .init(paths: ["id": "//id"], namespaces: ["e": "urn:e"])),
        FetchSpec(path: value(1), target: value(2), account: value(3), artifact: value(4), maxBytes: 1_000),
        HTTPSpec(.patch, value(1), body: .text(value(2))), HTTPSpec(.put, value(1), body: .file(value(2))),
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
