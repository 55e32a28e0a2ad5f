import FlowModel
import FlowWire
import HTTPTypes

extension Routes {
    /// Freezes and windows, and the way past them.
    static let changes: [Route] =
        rules(.freeze, "freezes", "A freeze") + rules(.window, "windows", "A window") + [
            Route(
                .post, "/v1/runs/{id}/break-glass", "run.break-glass", .role(.viewer),
                .takes(
                    Wire.BreakGlass.self, gives: Wire.Run.self,
                    "Lets what waits for a freeze or window go on, once. Takes admin or release-manager, and never who started the run."),
                ChangeRuleHandlers.breakGlass)
        ]

    private static func rules(_ kind: ChangeRuleKind, _ path: String, _ what: String) -> [Route] {
        let verb = kind.rawValue
        return [
            Route(
                .get, "/v1/\(path)", "\(verb).list", .role(.viewer),
                .gives(
                    Wire.Page<Wire.ChangeRule>.self, kind == .freeze ? "When nothing may change." : "When changes may be made.",
                    query: [.fullLimit, .after]),
                ChangeRuleHandlers.list(kind)),
            Route(
                .get, "/v1/\(path)/{name}", "\(verb).show", .role(.viewer), .gives(Wire.ChangeRule.self, "\(what)."),
                ChangeRuleHandlers.show(kind)),
            Route(
                .put, "/v1/\(path)/{name}", "\(verb).put", .role(.admin),
                .takes(ChangeRuleSpec.self, gives: Wire.ChangeRule.self, "\(what), or a new revision of it."), ChangeRuleHandlers.put(kind)),
            Route(
                .delete, "/v1/\(path)/{name}", "\(verb).remove", .role(.admin),
                Contract("Removes it; what waited for it looks again.", answer: .nothing), ChangeRuleHandlers.remove(kind)),
        ]
    }
}
