/// Reaches a place where commands run: this machine, or a host over SSH.
///
/// A transport runs one constant command with byte streams; what is to be done travels on standard input. It never decides
/// about attempts: that is the host record's part.
package protocol Transport: Sendable {
    /// Starts `command` (text for `/bin/sh`) on the place, reusing a connection where it can.
    ///
    /// Returns once the place confirmed the start. Throws `TransportError` when a phase passes its deadline or fails; then
    /// nothing of the command ran unless the error says `mayHaveRun`.
    func open(_ command: String) async throws -> any TransportChannel
}

/// One running command.
package protocol TransportChannel: Sendable {
    /// Writes all of `bytes` to its standard input; suspends while the other side does not read.
    func write(_ bytes: [UInt8]) async throws
    /// Ends its standard input.
    func finishInput() async throws
    /// What comes back, in order within each stream. Bounded: a slow reader holds the other side up. Ends after `exited`, or
    /// throws `TransportError` when the connection is lost.
    func next() async throws -> TransportEvent?
    /// Lets go of it, at once and without waiting for anything. Idempotent. What the command left running on the place goes on.
    func close()
}

package enum TransportEvent: Hashable, Sendable {
    case stdout([UInt8])
    case stderr([UInt8])
    /// The command ended: its exit status, or the number of the signal that ended it.
    case exited(status: Int?, signal: Int?)
}

/// Why a place could not be reached, naming the phase.
package struct TransportError: Error, Hashable, Sendable, CustomStringConvertible {
    package enum Phase: String, Hashable, Sendable, CaseIterable {
        case resolve, connect, keyExchange = "key exchange", hostKey = "host key", authenticate, channel, exec, stream
    }

    package var phase: Phase
    package var message: String
    /// Whether the command may have begun.
    package var mayHaveRun: Bool
    /// Whether trying again could help (not for host keys and refused authentication).
    package var isTransient: Bool

    package init(_ phase: Phase, _ message: String, mayHaveRun: Bool = false, isTransient: Bool = true) {
        self.phase = phase
        self.message = message
        self.mayHaveRun = mayHaveRun
        self.isTransient = isTransient
    }

    package var description: String { "\(phase.rawValue): \(message)" }
}
