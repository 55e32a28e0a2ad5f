extension Expression {
    var isConstant: Bool {
        switch self {
        case .literal: true
        case .text(let parts): parts.allSatisfy(\.isConstant)
        default: false
        }
    }

    /// The constant text before the first value; nil where a value begins.
    var constantStart: String? {
        switch self {
        case .literal(let value): return value.text
        case .text(let parts):
            let texts = parts.prefix { $0.isConstant }.compactMap(\.constantStart)
            return texts.isEmpty ? nil : texts.joined()
        default: return nil
        }
    }

    /// The text that it is whatever the run's values are; nil when it depends on them.
    var constantText: String? { isConstant ? constantStart : nil }
}
