package import FlowInventory
package import FlowModel

extension FlowServer {
    /// The hosts that an engine of this home would use now, from its files. Opens and makes nothing: a home that is not there has none.
    /// - Parameter inventory: the file of hosts, instead of the home's own.
    package static func hosts(home: String, inventory: String?) async throws(FlowError) -> Inventory {
        do {
            let named = try inventory ?? ServerConfiguration.load(home + "/flowd.yaml").inventory
            let file = named ?? "inventory.yaml"
            let service = InventoryService(file: file.hasPrefix("/") ? file : "\(home)/\(file)", isNamed: named != nil)
            return try await service.current()
        } catch {
            throw error as? FlowError ?? FlowError(.storage, subject: home, "The hosts of \(home) were not read: \(error)")
        }
    }
}
