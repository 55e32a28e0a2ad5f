import FlowEngine
import FlowInventory
import FlowModel
import ServiceLifecycle

/// Finds the hosts of selectors that steps have made, in the inventory as it is then.
///
/// Searches that are lost with the process are asked for again by the engine when it starts.
final class HostFinder: Service {
    private let engine: Engine
    private let inventory: InventoryService
    /// As many at most as there are steps that wait for hosts.
    private let searches: AsyncStream<HostSearch>

    init(engine: Engine, inventory: InventoryService, searches: AsyncStream<HostSearch>) {
        self.engine = engine
        self.inventory = inventory
        self.searches = searches
    }

    func run() async throws {
        // One after the other: the inventory is loaded once, and to look something up in it is quick.
        await cancelWhenGracefulShutdown {
            for await search in self.searches { self.engine.answer(search, await self.hosts(of: search)) }
        }
    }

    private func hosts(of search: HostSearch) async -> Result<[Host], FlowError> {
        let need = TargetResolver.Need(selector: search.selector, place: "'\(search.selector)'")
        do {
            let targets = try TargetResolver.targets(of: [need], in: try await inventory.current(), within: search.limit)
            return .success(targets[search.selector] ?? [])
        } catch let error as FlowError {
            let details = error.errors.isEmpty ? error.message : error.errors.map(\.message).joined(separator: "; ")
            return .failure(FlowError(error.code, subject: search.selector, "the hosts of selector '\(search.selector)' were not found: \(details)"))
        } catch {
            return .failure(
                FlowError(.storage, subject: search.selector, "the hosts of selector '\(search.selector)' were not found: \(error)"))
        }
    }
}
