/// Hosts of the inventory: `web-1`, `web-*`, `group:web & !role=canary`. Resolved and frozen in order when the run starts.
public struct Selector: Hashable, Sendable, Codable, ExpressibleByStringLiteral {
    public var text: String

    public init(_ text: String) { self.text = text }
    public init(stringLiteral text: String) { self.text = text }

    public init(from decoder: any Decoder) throws { text = try decoder.singleValueContainer().decode(String.self) }
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(text)
    }
}
