import FlowModel
import FlowStoreSQLite
import Logging

extension StoredInputs {
    /// Secrets of a registered flow, sealed and opened with the home's key.
    init(_ flows: FlowLibrary, _ vault: Vault) {
        self.init(
            secrets: { flow in
                do {
                    return Set(try await flows.current(flow).plan.plan.parameters.filter(\.isSecret).map(\.name))
                } catch let error as FlowError where error.code == .notFound {
                    return nil
                }
            }, seal: { try vault.seal($0) }, open: { try vault.open($0) })
    }

    /// Seals what schedules and hooks still keep in clear: an earlier version did not seal it, or its parameter has become secret and the engine
    /// ended before it was sealed.
    func sealAll(in store: SQLiteStore, at: Instant, logger: Logger) async throws(FlowError) {
        let (schedules, hooks) = (Schedules(store), HookTable(store))
        let flows = try await schedules.flowsWithInputs().union(try await hooks.flowsWithInputs())
        for flow in flows.sorted() {
            do {
                guard let names = try await secrets(flow), !names.isEmpty else { continue }
                let found =
                    try await schedules.seal(inputsOf: flow, by: Actor.engine.user, at: at, sealing(names)).map { "schedule \($0)" }
                    + hooks.seal(inputsOf: flow, by: Actor.engine.user, at: at, sealing(names)).map { "hook \($0)" }
                StoredInputs.tell(found, flow, logger)
            } catch {
                // A plan that is damaged must not keep the engine from starting; doctor names it.
                logger.error("secret inputs may be kept in clear", metadata: ["flow": "\(flow)", "error": "\(error)"])
            }
        }
    }

    static func tell(_ found: [String], _ flow: String, _ logger: Logger) {
        guard !found.isEmpty else { return }
        logger.warning(
            "secret inputs were kept in clear and are sealed now; who could read the audit trail or a backup may know them: change them",
            metadata: ["flow": "\(flow)", "of": "\(found.joined(separator: ", "))"])
    }
}
