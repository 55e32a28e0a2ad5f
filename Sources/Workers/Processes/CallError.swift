import Glibc

/// A system call that failed, in words.
struct CallError: Error, Hashable, CustomStringConvertible {
    var action: String
    var code: CInt
    /// Whether it is the confinement of a program that this machine does not have, not the program or a moment.
    var isMissingConfinement = false

    init(_ action: String, _ code: CInt = errno) {
        self.action = action
        self.code = code
    }

    /// That `flow_open_plain` did not open a file: `other` is what it said.
    init(_ action: String, _ other: UnsafePointer<CChar>?) {
        let code = errno
        self.init(other.map { "\(action): it is \(String(cString: $0)), not a file" } ?? action, code)
    }

    /// The other side broke the rules, not this machine.
    var isProtocol: Bool { code == EPROTO }
    /// The machine has no process, memory, descriptor, namespace or room left just now. It may have in a moment.
    var isShortage: Bool { [EAGAIN, ENOMEM, EMFILE, ENFILE, ENOSPC, EDQUOT, ENOBUFS].contains(code) }
    var description: String { "\(action): \(String(cString: strerror(code)))" }
}
