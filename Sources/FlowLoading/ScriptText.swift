/// What in a script file would be something else on a host than its author sees: line ends and marks of other systems' editors.
///
/// Refused, not changed: a script is sent as it is, and its digest is that of the file. A carriage return inside of a line is left alone:
/// `sed 's/^M$//'` has one.
struct ScriptText {
    /// What a fault is, and what mends it.
    enum Kind {
        case byteOrderMark, windowsLineEnd, oldMacLineEnds

        var words: String {
            switch self {
            case .byteOrderMark: "it begins with a byte order mark, so a host does not see its first line"
            case .windowsLineEnd: "this line ends with CR LF, as on Windows; on a host the CR is part of the command"
            case .oldMacLineEnds: "its lines end with CR alone; on a host it is one line"
            }
        }

        var mend: String {
            switch self {
            case .byteOrderMark: #"1s/^\xEF\xBB\xBF//"#
            case .windowsLineEnd: #"s/\r$//"#
            case .oldMacLineEnds: #"s/\r/\n/g"#
            }
        }
    }

    var kind: Kind
    /// From 1.
    var line: Int

    /// The first fault; nil when there is none.
    static func fault(in bytes: [UInt8]) -> ScriptText? {
        if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { return ScriptText(kind: .byteOrderMark, line: 1) }
        let (cr, lf) = (UInt8(ascii: "\r"), UInt8(ascii: "\n"))
        var line = 1
        for (index, byte) in bytes.enumerated() where byte == lf {
            if index > 0, bytes[index - 1] == cr { return ScriptText(kind: .windowsLineEnd, line: line) }
            line += 1
        }
        return line == 1 && bytes.contains(cr) ? ScriptText(kind: .oldMacLineEnds, line: 1) : nil
    }

    /// - Parameter path: the file, for the command.
    func message(_ path: String) -> String {
        "\(kind.words). Mend it: sed -i '\(kind.mend)' '\(path.split(separator: "'", omittingEmptySubsequences: false).joined(separator: #"'\''"#))'"
    }
}
