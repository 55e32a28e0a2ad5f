/// Waits until a machine answers, or until it no longer does. Output: `{"seconds","tries"}`.
package struct PingSpec: Hashable, Sendable {
    /// An address or name.
    package var host: Expression
    package var span: WatchSpan
    /// From which host; nil means from here.
    package var target: Expression?

    package init(host: Expression, span: WatchSpan, target: Expression? = nil) {
        self.host = host
        self.span = span
        self.target = target
    }
}

extension PingSpec: WorkSpec {
    package static let kind = "ping"

    package var expressions: [Expression] { [host] + [target].compactMap { $0 } }

    package func order(_ values: WorkValues) throws(EvaluationError) -> any WorkOrder { WatchWork(.machine(try values.text(host)), span: span) }
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
        guard case .literal(let value) = host, !NetworkAddress.isHost(value.text) else { return [] }
        return ["its machine '\(value.text)' \(NetworkAddress.hostRule)"]
    }

    package func summary(_ words: any ExpressionWords) -> String? { span.summary(of: words.text(host), from: target.map(words.text)) }
}

/// The members of its span stand beside its own.
extension PingSpec {
    private enum CodingKeys: String, CodingKey { case host, target }

    package init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        self.init(
            host: try values.decode(Expression.self, forKey: .host), span: try WatchSpan(from: decoder),
            target: try values.decodeIfPresent(Expression.self, forKey: .target))
    }

    package func encode(to encoder: any Encoder) throws {
        var values = encoder.container(keyedBy: CodingKeys.self)
        try values.encode(host, forKey: .host)
        try values.encodeIfPresent(target, forKey: .target)
        try span.encode(to: encoder)
    }
}
