/// The bounds of the conversation with a host.
enum HostRecordLimits {
    static let lineBytes = 4_096
    static let frameBytes = 1 << 20
    /// Seconds until a host that was reached must have said hello.
    static let helloSeconds = 20.0
    /// Seconds in which a host that was asked says nothing, or takes nothing of what it is sent, until it counts as unreachable. It gives a
    /// sign of life every ten; only one that waits for the step's lock is silent for longer, for a minute.
    static let silenceSeconds = 120.0
    /// Seconds in which a runner that has ended before it took everything must have said why.
    static let lastWordsSeconds = 5.0
    /// Bytes that a host must take within `silenceSeconds`.
    static let pieceBytes = 64 << 10
    static let firstPauseSeconds = 0.2
    static let longestPauseSeconds = 30.0
    /// Ended attempts whose connection waits for the word to forget.
    static let farewells = 256
    /// Seconds that such a connection is kept: the journal takes far less, and where an outcome came too late for it no word comes.
    static let farewellSeconds = 60.0
    /// A part of a job up to this many bytes is sent in the header.
    static let inlineBytes = 2_048
    /// The pause after one of so many seconds.
    static func next(after pause: Double) -> Double { min(pause * 2, longestPauseSeconds) }
    /// What login files may write before the hello.
    static let noiseBytes = 64 << 10
    /// Bytes of one word of the runner's text in its command; `csh` takes no word of 8,192.
    static let wordBytes = 4_000
}

/// What a host said instead of an answer, or what makes no sense.
enum HostFault: Error, CustomStringConvertible {
    case said(String, String)
    case garbled(String)
    /// It has begun there, and what is left of it cannot be ended: this.
    case alive(String)
    /// The login shell of the account ended without having run anything, with this status or signal, and printed this.
    case shell(end: String, said: String)

    /// Whether it said why it does not do it.
    var isRefusal: Bool { if case .said = self { true } else { false } }

    var description: String {
        switch self {
        case .said(let code, let text): "\(code) \(text)"
        case .shell(let end, let said):
            "the account's login shell ended with \(end) and ran nothing\(said.isEmpty ? "" : ", it said '\(said)'"); no step can run "
                + "as an account that may not log in (nologin, false), or whose shell does not take '-c COMMAND'"
        case .garbled(let message): "the host's answer makes no sense: \(message)"
        case .alive(let rest): "what is left of it on the host cannot be ended: \(rest)"
        }
    }
}
