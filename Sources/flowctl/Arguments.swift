import FlowModel
import Glibc

/// The words of the command line.
enum Arguments {
    /// Those after the program's name. Throws when one is not UTF-8: as text it would be another one, and go to hosts as that.
    static func read() throws(FlowError) -> [String] {
        var arguments: [String] = []
        for index in 1..<max(1, Int(CommandLine.argc)) {
            guard let pointer = CommandLine.unsafeArgv[index] else { continue }
            let bytes = UnsafeBufferPointer(start: pointer, count: strlen(pointer)).map { UInt8(bitPattern: $0) }
            guard let text = String(validating: bytes, as: UTF8.self) else { throw notText(bytes, number: index) }
            arguments.append(text)
        }
        return arguments
    }

    private static func notText(_ bytes: [UInt8], number: Int) -> FlowError {
        let shown = bytes.prefix(80).map { byte in
            (0x20..<0x7F).contains(byte) ? String(UnicodeScalar(byte)) : "\\x" + (byte < 16 ? "0" : "") + String(byte, radix: 16)
        }
        return FlowError(
            .usage, subject: "argument \(number)", "Nothing was done: argument \(number) is not UTF-8: \(shown.joined()).",
            hint: "give it in UTF-8; iconv turns other encodings into it, and --inputs takes values from a file")
    }
}
