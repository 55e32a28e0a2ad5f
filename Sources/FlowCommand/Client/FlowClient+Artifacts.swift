import FlowModel
import FlowWire

extension FlowClient {
    /// All files that steps of a run have fetched, page by page.
    func artifacts(of run: String) async throws(FlowError) -> [Wire.Artifact] {
        try await list(Wire.Artifact.self, path(run, "/artifacts"), query: [("limit", String(CommandLimits.page))])
    }

    /// Gives the bytes of one as they come.
    func artifact(_ step: StepPath, of run: String, receive: ([UInt8]) async throws -> Void) async throws {
        _ = try await stream(
            "GET", path(run, step: step, "/artifact"), headers: ["accept": "application/octet-stream"],
            deadlineSeconds: CommandLimits.transferSeconds, receive: receive)
    }
}
