import FlowModel
import FlowWire
import HTTPTypes

extension Routes {
    /// Who has what, and whose turn it is.
    static let locks: [Route] = [
        Route(
            .get, "/v1/locks", "lock.list", .role(.viewer),
            .gives(
                Wire.Page<Wire.Lock>.self, "Locks, limits and rates that somebody has or waits for, by kind and name.",
                query: [.init(name: "name", help: "Only those with this name."), .limit, .after]), LockHandlers.list),
        Route(
            .post, "/v1/runs/{id}/reprioritise", "run.reprioritise", .role(.operator),
            .takes(Wire.Reprioritise.self, gives: Wire.Run.self, "Gives the run another priority, 0 to 9."), LockHandlers.reprioritise),
    ]
}
