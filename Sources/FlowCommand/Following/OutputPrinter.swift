import FlowModel
import Synchronization

/// Prints the outputs of several steps, line by line, each line with whose it is.
final class OutputPrinter: Sendable {
    private struct Pending {
        var bytes: [UInt8] = []
    }

    /// A line longer than this is printed in pieces.
    private static let longestLine = 16 << 10

    private let terminal: Terminal
    private let pending = Mutex<[OutputSource: Pending]>([:])

    init(_ terminal: Terminal) { self.terminal = terminal }

    /// Prints the lines that `bytes` completes; the rest waits for its end.
    func take(_ bytes: [UInt8], of source: OutputSource, label: String) async throws {
        let lines = pending.withLock { pending in
            pending[source, default: Pending()].bytes += bytes
            return OutputPrinter.takeLines(&pending[source, default: Pending()].bytes, isOver: false)
        }
        try await show(lines, source, label)
    }

    /// Nothing more will come from `source`: prints a last line that has no end.
    func finish(_ source: OutputSource, label: String) async throws {
        let lines = pending.withLock { pending in
            var rest = pending.removeValue(forKey: source)?.bytes ?? []
            return OutputPrinter.takeLines(&rest, isOver: true)
        }
        try await show(lines, source, label)
    }

    private static func takeLines(_ bytes: inout [UInt8], isOver: Bool) -> [String] {
        var lines: [String] = []
        var start = bytes.startIndex
        for index in bytes.indices where bytes[index] == 0x0A || index - start >= longestLine {
            lines.append(String(decoding: bytes[start..<index], as: UTF8.self))
            start = bytes[index] == 0x0A ? index + 1 : index
        }
        bytes.removeSubrange(..<start)
        if isOver, !bytes.isEmpty { lines.append(String(decoding: bytes, as: UTF8.self)) }
        return lines
    }

    private func show(_ lines: [String], _ source: OutputSource, _ label: String) async throws {
        guard !lines.isEmpty else { return }
        let isError = source.stream == .stderr
        let mark = terminal.style.paint(label.neutralised() + (isError ? " !" : " |"), isError ? .yellow : .dim)
        try await terminal.show(
            lines.map { line in
                let text = line.hasSuffix("\r") ? String(line.dropLast()) : line
                return "\(mark) \(text.neutralised(keeping: ["\t"]))"
            })
    }
}
