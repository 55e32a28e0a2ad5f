/// Where a command writes, and who it can ask.
package struct Terminal: Sendable {
    /// Writes all bytes; suspends while the reader is slow, throws when they cannot be written.
    package var writeOut: @Sendable ([UInt8]) async throws -> Void
    package var writeError: @Sendable ([UInt8]) async throws -> Void
    /// Whether standard output is a terminal.
    package var isInteractive: Bool
    /// Whether somebody can be asked: standard input and error are terminals.
    package var canAsk: Bool
    package var style: Style
    /// Columns and rows, now.
    package var size: @Sendable () -> (columns: Int, rows: Int)
    /// One line from standard input; nil at its end.
    package var readLine: @Sendable () async -> String?

    package init(
        writeOut: @escaping @Sendable ([UInt8]) async throws -> Void,
        writeError: @escaping @Sendable ([UInt8]) async throws -> Void, isInteractive: Bool = false, canAsk: Bool = false,
        style: Style = Style(), size: @escaping @Sendable () -> (columns: Int, rows: Int) = { (80, 24) },
        readLine: @escaping @Sendable () async -> String? = { nil }
    ) {
        self.writeOut = writeOut
        self.writeError = writeError
        self.isInteractive = isInteractive
        self.canAsk = canAsk
        self.style = style
        self.size = size
        self.readLine = readLine
    }

    /// Data: one line, or several, on standard output.
    func show(_ text: String) async throws { try await writeOut(Array((text + "\n").utf8)) }

    func show(_ lines: [String]) async throws {
        guard !lines.isEmpty else { return }
        try await show(lines.joined(separator: "\n"))
    }

    /// Everything that is not data, on standard error.
    func say(_ text: String) async throws { try await writeError(Array((text + "\n").utf8)) }

    /// The width that tables are fitted to; nil when nobody looks at a screen.
    var tableWidth: Int? { isInteractive ? size().columns : nil }
}
