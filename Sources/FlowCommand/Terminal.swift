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
    /// Whether something waits on standard input that nobody types: bytes in a pipe, a file that is not at its end. Reads nothing, does not wait.
    package var hasInput: @Sendable () -> Bool
    /// One line from standard input; nil at its end.
    package var readLine: @Sendable () async -> String?

    package init(
        writeOut: @escaping @Sendable ([UInt8]) async throws -> Void,
        writeError: @escaping @Sendable ([UInt8]) async throws -> Void, isInteractive: Bool = false, canAsk: Bool = false,
        style: Style = Style(), size: @escaping @Sendable () -> (columns: Int, rows: Int) = { (80, 24) },
        hasInput: @escaping @Sendable () -> Bool = { false }, readLine: @escaping @Sendable () async -> String? = { nil }
    ) {
        self.writeOut = writeOut
        self.writeError = writeError
        self.isInteractive = isInteractive
        self.canAsk = canAsk
        self.style = style
        self.size = size
        self.hasInput = hasInput
        self.readLine = readLine
    }

    /// Data for people: one line, or several, on standard output. Nothing in it steers the terminal, wherever it comes from; only colours are
    /// let through, and only where there are any.
    func show(_ text: String) async throws { try await show(exact: safe(text, keeping: ["\n", "\t"])) }

    /// Lines, each of which stays one.
    func show(_ lines: [String]) async throws {
        guard !lines.isEmpty else { return }
        try await show(exact: lines.map { safe($0, keeping: ["\t"]) }.joined(separator: "\n"))
    }

    /// Data for programs, as it is.
    func show(exact text: String) async throws { try await writeOut(Array((text + "\n").utf8)) }

    /// Everything that is not data, on standard error.
    func say(_ text: String) async throws { try await writeError(Array((safe(text, keeping: ["\n", "\t"]) + "\n").utf8)) }

    private func safe(_ text: String, keeping: Set<Unicode.Scalar>) -> String { text.neutralised(keeping: keeping, colours: style.isColoured) }

    /// The width that tables are fitted to; nil when nobody looks at a screen.
    var tableWidth: Int? { isInteractive ? size().columns : nil }
}
