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

    /// Its absolute path.
    let file: String
    /// Whether somebody named the file, and so expects it to be there.
    private let isNamed: Bool
    private let known = Mutex<(stamp: Stamp, inventory: Inventory)?>(nil)
    /// One change after the other.
    private let editing = Mutex<Void>(())

    private init(file: String, isNamed: Bool) {
        self.file = file
        self.isNamed = isNamed
    }

    /// The file that the command line names, else the one of the configuration, else the home's `inventory.yaml`.
    static func of(_ options: FlowServer.Options, _ configuration: ServerConfiguration, _ home: Home) -> InventoryService {
        if let given = options.inventory { return InventoryService(file: Home.absolute(given), isNamed: true) }
        let named = configuration.inventory
        return InventoryService(file: home.file(named ?? "inventory.yaml"), isNamed: named != nil)
    }

    /// The inventory as the file has it now. Without a file it is empty, unless somebody named the file. One with faults is refused
    /// as a whole.
    func current() async throws -> Inventory {
        guard let stamp = stamp() else {
            guard isNamed else { return .empty }
            throw FlowError(
                .notFound, subject: file, "No host is known: there is no inventory file \(file), or it cannot be reached.",
                hint: "name another with --inventory, or: flowctl inventory add NAME ADDRESS")
        }
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
