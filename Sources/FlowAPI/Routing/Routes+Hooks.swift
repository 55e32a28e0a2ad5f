import FlowModel
import FlowWire
import HTTPTypes

extension Routes {
    /// What starts runs from outside.
    static let hooks: [Route] = [
        Route(
            .get, "/v1/hooks", "hook.list", .role(.viewer), .gives(Wire.Page<Wire.Hook>.self, "Hooks.", query: [.fullLimit, .after]),
            HookHandlers.list),
        Route(
            .put, "/v1/hooks/{name}", "hook.put", .role(.author),
            Contract(
                "Adds a hook, whose secret is in this answer only, or changes it.",
                query: [.init(name: "newSecret", help: "`true`: makes another secret for a hook that is there.")], body: HookSpec.self,
                answer: .json(Wire.Hook.self, status: 200)), HookHandlers.put),
        Route(
            .delete, "/v1/hooks/{name}", "hook.remove", .role(.author),
            Contract("Removes a hook; its deliveries and runs stay.", answer: .nothing), HookHandlers.remove),
        Route(
            .get, "/v1/hooks/{name}/deliveries", "hook.deliveries", .role(.viewer),
            .gives(Wire.Page<Wire.Occurrence>.self, "What came in, newest first.", query: [.limit]), HookHandlers.deliveries),
        Route(
            .post, "/v1/hooks/{name}", "hook.deliver", .anyone,
            Contract(
                "Starts a run; signed by the hook's secret in `webhook-id`, `webhook-timestamp`, `webhook-signature`. A repetition gives the same run; another body under its id is 409 `conflict`.",
                answer: .json(Wire.Delivered.self, status: 201)), HookHandlers.deliver),
    ]
}
