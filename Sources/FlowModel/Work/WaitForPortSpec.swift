/// Waits until something answers on a TCP port, or until nothing does any more. Output: `{"seconds","tries"}`.
package struct WaitForPortSpec: Hashable, Sendable {
    /// `address:port`; an IPv6 address in brackets.
    package var endpoint: Expression
    package var span: WatchSpan
    /// From which host; nil means from here.
    package var target: Expression?

    package init(endpoint: Expression, span: WatchSpan, target: Expression? = nil) {
        self.endpoint = endpoint
        self.span = span
        self.target = target
    }
}

extension WaitForPortSpec: WorkSpec {
    package static let kind = "waitForPort"

    package var expressions: [Expression] { [endpoint] + [target].compactMap { $0 } }

    package func order(_ values: WorkValues) throws(EvaluationError) -> any WorkOrder {
        WatchWork(.port(try values.text(endpoint)), span: span)
    }

    package func outputShape(declared: TypeShape?) -> TypeShape? { WatchSpan.shape }
    package func assumedOutput(_ given: JSON?) -> JSON { given ?? [:] }
    /// To look changes nothing.
    package var isRepeatable: Bool { true }

    package var longestSeconds: Double? { span.longestSeconds }
    package var ownSeconds: Double? { Double(span.timeoutSeconds) }
    package func rehearsedFailure(status: Int) -> AttemptResult.Failure { span.inVain }
    package func rehearsedTimeOut(seconds: Double) -> AttemptResult.Outcome { .failed(span.inVain) }
    package func rehearsedSilence(of peer: String) -> AttemptResult.Outcome? { span.silence }
    package func faults(in plan: Plan) -> [String] { span.faults }

    package var mistakes: [String] {
        guard case .literal(let value) = endpoint, NetworkAddress(value.text) == nil else { return [] }
        return ["its endpoint '\(value.text)' \(NetworkAddress.rule)"]
    }

    package func summary(_ words: any ExpressionWords) -> String? { span.summary(of: words.text(endpoint), from: target.map(words.text)) }
}

/// The members of its span stand beside its own.
extension WaitForPortSpec {
    private enum CodingKeys: String, CodingKey { case endpoint, target }

    package init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        self.init(
            endpoint: try values.decode(Expression.self, forKey: .endpoint), span: try WatchSpan(from: decoder),
            target: try values.decodeIfPresent(Expression.self, forKey: .target))
    }

    package func encode(to encoder: any Encoder) throws {
        var values = encoder.container(keyedBy: CodingKeys.self)
        try values.encode(endpoint, forKey: .endpoint)
        try values.encodeIfPresent(target, forKey: .target)
        try span.encode(to: encoder)
    }
}
