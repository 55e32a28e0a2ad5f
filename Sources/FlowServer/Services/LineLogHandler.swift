package import FlowModel
import Glibc
package import Logging

/// Writes one line a message to standard error: time, level, message, `key=value` pairs. Control characters are escaped, so
/// that what a client sent cannot forge a line.
package struct LineLogHandler: LogHandler {
    package var metadata: Logger.Metadata = [:]
    package var logLevel: Logger.Level = .info
    private let now: @Sendable () -> Instant

    package init(level: Logger.Level, now: @escaping @Sendable () -> Instant) {
        logLevel = level
        self.now = now
    }

    package subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    package func log(event: LogEvent) {
        let all = metadata.merging(event.metadata ?? [:]) { _, own in own }
        let line = LineLogHandler.line(at: now(), level: event.level, message: "\(event.message)", metadata: all)
        // One write for one line: lines of several threads do not mix. If nobody can read it, nobody misses it.
        _ = line.withCString { write(STDERR_FILENO, $0, strlen($0)) }
    }

    package static func line(at: Instant, level: Logger.Level, message: String, metadata: Logger.Metadata) -> String {
        var line = "\(at) \(level) \(escaped(message))"
        for (key, value) in metadata.sorted(by: { $0.key < $1.key }) where !key.hasPrefix("hb.") {
            line += " \(key)=\(quoted("\(value)"))"
        }
        return line + "\n"
    }

    private static func quoted(_ text: String) -> String {
        let escaped = escaped(text)
        // By scalars: a quote and the accent behind it are one character, and who reads the line sees the quote.
        guard escaped.isEmpty || escaped.unicodeScalars.contains(where: { $0 == " " || $0 == "=" || $0 == "\"" }) else { return escaped }
        return "\"" + escaped.unicodeScalars.map { $0 == "\"" ? "\\\"" : String($0) }.joined() + "\""
    }

    private static func escaped(_ text: String) -> String {
        var out = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\n": out += "\\n"
            case _ where scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value):
                out += "\\u{\(String(scalar.value, radix: 16))}"
            default: out.unicodeScalars.append(scalar)
            }
        }
        return out
    }
}
