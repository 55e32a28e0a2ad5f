package import FlowModel
import FlowThreads
import Synchronization

/// Says what a sealed secret (its base64) says. Throws when it was sealed with another key.
package typealias SecretOpener = @Sendable (String) throws -> String

/// The bytes of a plan's script or of a flow binary, by digest.
package typealias BlobSource = @Sendable (Digest) async throws -> [UInt8]

/// The secrets of an attempt and its run, for whoever keeps or says something of it.
final class AttemptSecrets: Sendable {
    private struct State {
        var values: Set<String> = []
        /// Of these values; nil: not made yet, which costs something.
        var patterns: SecretPatterns?
    }

    private let state = Mutex(State())

    var values: Set<String> { state.withLock { $0.values } }

    var patterns: SecretPatterns {
        state.withLock { state in
            if let patterns = state.patterns { return patterns }
            let patterns = SecretPatterns.known(state.values)
            state.patterns = patterns
            return patterns
        }
    }

    /// Makes the patterns where it keeps nobody else: for large secrets that takes a second. To be called when all secrets are known.
    func prepare() async {
        let values = values
        guard !values.isEmpty else { return }
        let patterns: SecretPatterns
        if let kept = SecretPatterns.kept(values) {
            patterns = kept
        } else {
            patterns = await BlockingThreads.patterns.call { SecretPatterns.known(values) }
        }
        state.withLock { if $0.values == values { $0.patterns = patterns } }
    }

    fileprivate func add(_ secret: String) {
        state.withLock { state in
            if state.values.insert(secret).inserted { state.patterns = nil }
        }
    }
}

/// Opens the sealed secrets of one attempt, as late as possible. Each is known to the attempt before anything can be done with it.
struct SecretOpening {
    private let open: SecretOpener
    private let opened: AttemptSecrets

    init(_ open: @escaping SecretOpener, for attempt: LiveAttempt) {
        self.open = open
        opened = attempt.secrets
        // One that cannot be opened any more is a fault of the steps that take it. Nobody here could know it.
        for sealed in attempt.order.secrets {
            if let secret = try? open(sealed), secret.utf8.count >= Limits.knownSecretBytes { opened.add(secret) }
        }
    }

    func text(_ text: String) throws(AttemptResult.Failure) -> String {
        guard SealedText.isPresent(in: text) else { return text }
        do {
            return try SealedText.replacing(in: text) { base64 in
                let secret = try open(base64)
                opened.add(secret)
                return secret
            }
        } catch {
            throw AttemptResult.Failure(.input, "nothing was started: \(error)")
        }
    }

    func work<Work: WorkOrder>(_ work: Work) throws(AttemptResult.Failure) -> Work { try work.mapTexts(text) }
}
