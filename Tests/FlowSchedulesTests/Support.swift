import FlowModel
import FlowSchedules
import Foundation

func zone(_ name: String) throws -> Zone {
    try Zone(name: name, tzif: Array(Data(contentsOf: URL(filePath: "/usr/share/zoneinfo/\(name)"))))
}

func instant(_ text: String) throws -> Instant {
    guard let instant = Instant(text) else { throw FlowError(.usage, subject: text, "not an instant") }
    return instant
}

/// The message of what `body` throws; empty when it throws nothing.
func refusal(_ body: () throws -> Void) -> String {
    do {
        try body()
        return ""
    } catch {
        return "\(error)"
    }
}

extension Recurrence {
    func next(_ count: Int, after text: String) throws -> [Occurrence] {
        occurrences(after: .init(after: try instant(text)), limit: count)
    }
}

func zoneBytes(_ name: String) throws -> [UInt8] { Array(try Data(contentsOf: URL(filePath: "/usr/share/zoneinfo/\(name)"))) }
