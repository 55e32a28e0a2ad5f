import CFlowShims
import FlowInventory
import FlowModel
import Synchronization

/// The inventory file, read again whenever it has changed.
final class InventoryService: Sendable {
    /// What tells one content of the file from another, without reading it.
    private struct Stamp: Equatable {
        var node: UInt64
        var size: Int64
        var modified: Int64
    }

    let file: String
    private let known = Mutex<(stamp: Stamp, inventory: Inventory)?>(nil)
    /// One change after the other.
    private let editing = Mutex<Void>(())

    init(file: String) { self.file = file }

    /// The inventory as the file has it now; empty when there is no file. A file with faults is refused as a whole.
    func current() async throws -> Inventory {
        guard let stamp = stamp() else { return .empty }
        if let known = known.withLock({ $0 }), known.stamp == stamp { return known.inventory }
        let inventory = try await onThreadPool { [file] in try Inventory.load(file) }
        // If it changed while it was read, the next look sees another stamp.
        known.withLock { $0 = (stamp, inventory) }
        return inventory
    }

    /// Changes the file.
    func edit(_ change: @escaping @Sendable (InventoryEditor) throws -> Void) async throws {
        try await onThreadPool { [self] in
            try editing.withLock { _ in try change(InventoryEditor(path: file)) }
        }
    }

    private func stamp() -> Stamp? {
        var facts = flow_file_facts()
        guard flow_facts_of_path(file, &facts) == 0 else { return nil }
        return Stamp(node: facts.node, size: facts.size, modified: facts.modified)
    }
}
