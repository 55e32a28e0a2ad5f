import CFlowShims
package import FlowInventory
import FlowModel
import FlowWire
import Glibc
import Synchronization

/// The inventory file, read again whenever it has changed.
package final class InventoryService: Sendable {
    /// What tells one content of the file from another, without reading it.
    private struct Stamp: Equatable {
        var node: UInt64
        var size: Int64
        var modified: Int64
    }

    private struct State {
        var known: (stamp: Stamp, inventory: Inventory)?
        /// The newest load that goes on, and the content that it is for.
        var loading: (stamp: Stamp, load: Task<Inventory, any Error>)?
    }

    /// Its absolute path.
    let file: String
    /// That of the home, which is used when none is named for the engine.
    let own: String
    private let read: @Sendable (String) throws -> Inventory
    /// Whether somebody named the file, and so expects it to be there.
    private let isNamed: Bool
    private let state = Mutex(State())
    /// One change after the other.
    private let editing = Mutex<Void>(())

    package init(
        file: String, isNamed: Bool, own: String? = nil, read: @escaping @Sendable (String) throws -> Inventory = { try Inventory.load($0) }
    ) {
        self.read = read
        self.own = own ?? file
        self.file = file
        self.isNamed = isNamed
    }

    /// The file that the command line names, else the one of the configuration, else the home's `inventory.yaml`.
    static func of(_ options: FlowServer.Options, _ configuration: ServerConfiguration, _ home: Home) -> InventoryService {
        let named = configuration.inventory
        let own = home.file(named ?? "inventory.yaml")
        if let given = options.inventory { return InventoryService(file: Home.absolute(given), isNamed: true, own: own) }
        return InventoryService(file: own, isNamed: named != nil)
    }

    /// The inventory as the file has it now. Without a file it is empty, unless somebody named the file. One with faults is refused
    /// as a whole.
    ///
    /// All who ask while it is read wait for the same reading: nobody is given hosts or keys that the file no longer has.
    package func current() async throws -> Inventory {
        guard let stamp = try stamp() else {
            guard isNamed else { return .empty }
            throw FlowError(
                .notFound, subject: file, "No host is known: there is no inventory file \(file), or it cannot be reached.",
                hint: "name another with --inventory, or: flowctl inventory add NAME ADDRESS")
        }
        let (inventory, load) = state.withLock { state -> (Inventory?, Task<Inventory, any Error>?) in
            if let known = state.known, known.stamp == stamp { return (known.inventory, nil) }
            if let loading = state.loading, loading.stamp == stamp { return (nil, loading.load) }
            // One at a time, however often the file changes.
            let load = Task { [before = state.loading?.load] in
                _ = await before?.result
                return try await self.load(stamp)
            }
            state.loading = (stamp, load)
            return (nil, load)
        }
        if let inventory { return inventory }
        guard let load else { return .empty }
        return try await load.value
    }

    private func load(_ stamp: Stamp) async throws -> Inventory {
        let result: Result<Inventory, any Error>
        do {
            result = .success(try await onThreadPool { [read, file] in try read(file) })
        } catch {
            result = .failure(error)
        }
        state.withLock { state in
            // If it changed while it was read, the next look sees another stamp.
            if case .success(let inventory) = result { state.known = (stamp, inventory) }
            if state.loading?.stamp == stamp { state.loading = nil }
        }
        return try result.get()
    }

    /// Whether runs would find their hosts now.
    func finding() async -> Wire.Finding {
        do {
            let count = try await current().hosts.count
            return Wire.Finding(name: "inventory", level: .ok, message: "\(count == 1 ? "1 host" : "\(count) hosts") in \(file)")
        } catch {
            let fault = error as? FlowError
            return Wire.Finding(
                name: "inventory", level: .fail, message: "runs that need hosts do not start: \(fault?.inOneLine ?? "\(error)")",
                hint: fault?.hint ?? "mend \(file), it is read again by itself")
        }
    }

    /// Changes the file.
    func edit(_ change: @escaping @Sendable (InventoryEditor) throws -> Void) async throws {
        try await onThreadPool { [self] in
            try editing.withLock { _ in try change(InventoryEditor(path: file)) }
        }
    }

    /// nil where there is no file. A link that leads nowhere, or what cannot be looked at, is no empty inventory.
    private func stamp() throws(FlowError) -> Stamp? {
        var facts = flow_file_facts()
        let code = flow_facts_of_path(file, &facts)
        var link: CChar = 0
        if code == ENOENT, readlink(file, &link, 1) < 0 { return nil }
        guard code == 0 else {
            throw FlowError(
                .storage, subject: file, "No host is known: the inventory file \(file) cannot be looked at: \(String(cString: strerror(code))).",
                hint: "ls -l \(file)")
        }
        return Stamp(node: facts.node, size: facts.size, modified: facts.modified)
    }
}
