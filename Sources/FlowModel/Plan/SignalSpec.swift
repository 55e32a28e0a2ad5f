/// A message that a step waits for.
package struct SignalSpec: Hashable, Sendable, Codable {
    /// The signal's name, as senders say it; several steps may wait for the same, each takes one message.
    package var signal: String
    /// Seconds after which the step fails; nil: it waits for ever.
    package var timeoutSeconds: Double?

    package init(signal: String, timeoutSeconds: Double? = nil) {
        self.signal = signal
        self.timeoutSeconds = timeoutSeconds
    }
}
