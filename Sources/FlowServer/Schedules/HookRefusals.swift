import FlowAPI
import FlowModel
import FlowWire
import Synchronization

/// The newest requests to each hook that started nothing, and why. In memory, since anybody can send what is refused: it must cost no write.
final class HookRefusals: Sendable {
    struct Refusal: Sendable {
        /// Its id, as far as it can be shown.
        var delivery: String
        var at: Instant
        var reason: String
    }

    private let known = Mutex<[String: [Refusal]]>([:])

    /// - Parameter reason: must hold nothing of the secret or of a signature.
    func note(_ delivery: HookDelivery, to hook: String, at: Instant, _ reason: String) {
        let id = String(decoding: delivery.id.utf8.filter { $0 > 0x20 && $0 < 0x7F }.prefix(Limits.hookDeliveryIDBytes), as: UTF8.self)
        let refusal = Refusal(delivery: id.isEmpty ? "-" : id, at: at, reason: String(reason.prefix(Limits.textBytes)))
        known.withLock { known in
            known[hook, default: []].append(refusal)
            if known[hook, default: []].count > Limits.hookRefusals { known[hook]?.removeFirst() }
        }
    }

    /// Oldest first.
    func all(of hook: String) -> [Refusal] { known.withLock { $0[hook] ?? [] } }

    func forget(_ hook: String) { known.withLock { $0[hook] = nil } }
}

extension Wire.Occurrence {
    init(_ refusal: HookRefusals.Refusal) {
        self.init(nominal: refusal.delivery, at: refusal.at, state: .skipped, reason: .refused, detail: refusal.reason, revision: 1)
    }
}
