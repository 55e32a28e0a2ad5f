import Foundation

/// One figure, as a JSON line: what was measured, beside what the machine or a peer gave in the same run.
struct Figure: Encodable {
    /// What must hold for the figure to be met.
    enum Target {
        case atLeast(Double, of: Quantity)
        case atMost(Double, of: Quantity)

        enum Quantity { case value, ratio }
    }

    var figure: String
    var value: Double
    var unit: String
    /// What the machine can do at best, or what a peer did, measured in the same run.
    var ceiling: Double?
    var target: Target
    var note: String

    /// The share of the ceiling that was reached.
    var ratio: Double? { ceiling.map { value / $0 } }

    var isMet: Bool {
        switch target {
        case .atLeast(let bound, .value): value >= bound
        case .atLeast(let bound, .ratio): ratio.map { $0 >= bound } ?? false
        case .atMost(let bound, .value): value <= bound
        case .atMost(let bound, .ratio): ratio.map { $0 <= bound } ?? false
        }
    }

    private var targetText: String {
        switch target {
        case .atLeast(let bound, .value): ">= \(bound) \(unit)"
        case .atLeast(let bound, .ratio): "ratio >= \(bound)"
        case .atMost(let bound, .value): "<= \(bound) \(unit)"
        case .atMost(let bound, .ratio): "ratio <= \(bound)"
        }
    }

    private enum Key: String, CodingKey { case figure, value, unit, ceiling, ratio, target, met, note }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Key.self)
        try container.encode(figure, forKey: .figure)
        try container.encode(rounded(value), forKey: .value)
        try container.encode(unit, forKey: .unit)
        try container.encodeIfPresent(ceiling.map(rounded), forKey: .ceiling)
        try container.encodeIfPresent(ratio.map(rounded), forKey: .ratio)
        try container.encode(targetText, forKey: .target)
        try container.encode(isMet, forKey: .met)
        try container.encode(note, forKey: .note)
    }

    /// Prints the line at once: a run of all figures takes minutes.
    func print() throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        Swift.print(String(decoding: try encoder.encode(self), as: UTF8.self))
        fflush(nil)
    }
}

/// Four digits say all that such a measurement knows.
private func rounded(_ value: Double) -> Double {
    guard value != 0, value.isFinite else { return value }
    let scale = pow(10, 3 - floor(log10(abs(value))))
    return scale >= 1 ? (value * scale).rounded() / scale : value.rounded()
}

func seconds(_ duration: Duration) -> Double {
    Double(duration.components.seconds) + Double(duration.components.attoseconds) / 1e18
}

/// The middle one.
func median(_ values: [Double]) -> Double { values.sorted()[values.count / 2] }

/// A directory of its own, removed at the end.
func withDirectory<Value>(_ body: (String) async throws -> Value) async throws -> Value {
    let path = NSTemporaryDirectory() + "flow-bench-\(ProcessInfo.processInfo.processIdentifier)-\(UInt32.random(in: 0 ... .max))"
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    defer { try? FileManager.default.removeItem(atPath: path) }
    return try await body(path)
}

/// A measurement that could not be made.
struct BenchmarkFailure: Error, CustomStringConvertible {
    var description: String
    init(_ description: String) { self.description = description }
}
