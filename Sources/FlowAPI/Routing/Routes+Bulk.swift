import FlowWire
import HTTPTypes

extension Routes {
    /// One command, many runs.
    static let bulk: [Route] = [
        Route(
            .post, "/v1/bulk", "run.bulk", .role(.operator),
            .takes(
                Wire.BulkRequest.self, gives: Wire.Bulk.self,
                "A command for all runs of a filter: first a preview with a digest, then, with that, done to exactly those runs."),
            BulkHandlers.bulk)
    ]
}
