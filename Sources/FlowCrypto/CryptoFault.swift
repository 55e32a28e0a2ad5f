import CLibCrypto

/// Why something was not sealed or opened.
package enum CryptoFault: Error, Hashable, Sendable, CustomStringConvertible {
    /// Not what was sealed with this key and context: it was changed or cut, or sealed with others.
    case notGenuine
    /// What libcrypto says; nothing is known of the text.
    case library(String)

    package var description: String {
        switch self {
        case .notGenuine: return "it was changed, or sealed with another key"
        case .library(let message): return message
        }
    }

    /// That libcrypto could not do `what`, with what it says of it.
    static func failed(_ what: String) -> CryptoFault { .library("libcrypto could not \(what): \(said())") }

    /// Ends the process: for what has no other outcome, as a digest has none, and fails only for want of memory or of the algorithm.
    static func trap(_ what: String) -> Never { fatalError(failed(what).description) }

    /// Takes this thread's errors off libcrypto's queue, so that nobody takes them for those of a later call.
    private static func said() -> String {
        var lines: [String] = []
        while true {
            let code = ERR_get_error()
            guard code != 0 else { break }
            var line = [CChar](repeating: 0, count: 256)
            ERR_error_string_n(code, &line, line.count)
            lines.append(String(decoding: line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self))
        }
        return lines.isEmpty ? "it does not say why" : lines.joined(separator: "; ")
    }
}
