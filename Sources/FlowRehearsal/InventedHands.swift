import FlowModel
import Synchronization

/// Takes what the engine asks of the world, in order, for the rehearsal to answer.
final class InventedHands: AttemptDispatcher {
    enum Request: Sendable {
        case dispatch(AttemptOrder)
        case proceed(AttemptID)
        case stop(AttemptID)
        case call(CallOrder)
        case search(HostSearch)
    }

    private let requests = Mutex<[Request]>([])

    func note(_ request: Request) { requests.withLock { $0.append(request) } }

    func dispatch(_ order: AttemptOrder) { note(.dispatch(order)) }
    func proceed(_ id: AttemptID) { note(.proceed(id)) }
    func stop(_ id: AttemptID, force: Bool) { note(.stop(id)) }
    func forget(_ id: AttemptID, target: Host?) {}

    /// What was asked since this was last called.
    func take() -> [Request] {
        requests.withLock { requests in
            defer { requests = [] }
            return requests
        }
    }
}
