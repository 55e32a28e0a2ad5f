internal import Synchronization

/// Whether the host has said of an attempt that it began, on whatever connection: then it can no longer be one that never started.
final class Begun: Sendable {
    private let value = Atomic(false)

    var isSo: Bool { value.load(ordering: .acquiring) }
    func note() { value.store(true, ordering: .releasing) }
}
