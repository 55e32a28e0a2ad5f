import FlowAPI
import FlowModel
import FlowStoreSQLite
import FlowWire
import Synchronization

/// Requests to hooks that started nothing and are not in the database yet, the newest of each hook.
///
/// Anybody can send what is refused, so it costs no write of its own: they are written together, so many at once, every few seconds.
final class HookRefusals: Sendable {
    private struct Noted {
        var number: Int
        var refusal: HookRefusal
    }

    private struct State {
        var waiting: [String: [Noted]] = [:]
        var count = 0
    }

    private let state = Mutex(State())

    /// - Parameter reason: must hold nothing of the secret or of a signature.
    func note(_ delivery: HookDelivery, to hook: String, at: Instant, _ reason: String) {
        let id = String(decoding: delivery.id.utf8.filter { $0 > 0x20 && $0 < 0x7F }.prefix(Limits.hookDeliveryIDBytes), as: UTF8.self)
        let refusal = HookRefusal(hook: hook, delivery: id.isEmpty ? "-" : id, at: at, reason: String(reason.prefix(Limits.textBytes)))
        state.withLock { state in
            state.count += 1
            state.waiting[hook, default: []].append(Noted(number: state.count, refusal: refusal))
            if state.waiting[hook, default: []].count > Limits.hookRefusals { state.waiting[hook]?.removeFirst() }
        }
    }

    /// Newest first.
    func waiting(of hook: String) -> [HookRefusal] { state.withLock { ($0.waiting[hook] ?? []).reversed().map(\.refusal) } }

    func forget(_ hook: String) { state.withLock { $0.waiting[hook] = nil } }

    /// Writes the oldest of those that wait. What cannot be written waits on. False when none is left.
    func write(to table: HookTable) async throws -> Bool {
        let all = state.withLock { $0.waiting.values.flatMap { $0 } }.sorted { $0.number < $1.number }
        let noted = all.prefix(Limits.hookRefusalsWritten)
        guard let last = noted.last else { return false }
        try await table.keep(noted.map(\.refusal))
        state.withLock { state in
            for hook in state.waiting.keys { state.waiting[hook]?.removeAll { $0.number <= last.number } }
            state.waiting = state.waiting.filter { !$0.value.isEmpty }
        }
        return all.count > noted.count
    }
}

extension Wire.Occurrence {
    init(_ refusal: HookRefusal) {
        self.init(nominal: refusal.delivery, at: refusal.at, state: .skipped, reason: .refused, detail: refusal.reason, revision: 1)
    }
}
