import Glibc

/// A system call that failed, in words.
struct CallError: Error, Hashable, CustomStringConvertible {
    var action: String
    var code: CInt

    init(_ action: String, _ code: CInt = errno) {
        self.action = action
        self.code = code
    }

    /// The other side broke the rules, not this machine.
    var isProtocol: Bool { code == EPROTO }
    var description: String { "\(action): \(String(cString: strerror(code)))" }
}
