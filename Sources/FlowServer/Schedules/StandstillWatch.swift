import FlowAPI
import FlowModel
import FlowStoreSQLite
import Logging

/// Tells admins, once each time, that schedules or hooks stand still: who wrote them was removed or demoted, or they cannot be worked out.
struct StandstillWatch: Sendable {
    let scheduler: Scheduler
    let hooks: HookBook
    let standstills: Standstills
    let now: @Sendable () -> Instant
    let logger: Logger

    /// Looks at all of them, with people as they are now. When it returns the messages about what is new are kept for delivery.
    func look(_ people: People) async {
        do {
            let items = await scheduler.standstills() + (try await hooks.standstills())
            let (now, admins) = (now(), people.names(of: Role.admin.rawValue))
            try await standstills.note(items, at: now) { StandstillWatch.messages($0, at: now, admins: admins) }
        } catch {
            // They are looked at again with the next change of people, and at the next start.
            logger.error("it was not noted which schedules and hooks stand still", metadata: ["error": "\(error)"])
        }
    }

    /// One message for all schedules, or hooks, that stand still for one reason: an owner may have had many.
    private static func messages(_ items: [Standstills.Item], at: Instant, admins: [String]) -> [JSON] {
        let groups = Dictionary(grouping: items) { [$0.kind.rawValue, $0.reason] }
        return groups.sorted { $0.key.lexicographicallyPrecedes($1.key) }.map { key, items in
            let names = items.map(\.name).sorted()
            return [
                "kind": .string("\(key[0]).stopped"), "reason": .string(key[1]), "count": .int(names.count),
                "names": .array(names.prefix(Limits.namesTold).map(JSON.string)), "at": .string(at.description),
                "admins": .array(admins.prefix(Limits.namesTold).map(JSON.string)),
                "hint": .string(key[0] == Standstills.Kind.hook.rawValue ? "flowctl hook add NAME FLOW" : "flowctl schedule add NAME FLOW"),
            ]
        }
    }
}
