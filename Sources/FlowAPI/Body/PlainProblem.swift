package import FlowModel
import FlowWire

/// A problem as it is written where there is no request that could be answered: one that is not HTTP, or not for this server.
package struct PlainProblem: Sendable {
    package var status: Int
    package var headers: [(name: String, value: String)]
    package var body: [UInt8]

    /// `status` where the code's own says less.
    package init(_ error: FlowError, status: Int? = nil) {
        var problem = Wire.Problem(error)
        problem.status = status ?? problem.status
        self.status = problem.status
        // A problem consists of texts and numbers; encoding those cannot fail.
        body = (try? Answer.encode(problem)) ?? []
        headers = [
            ("content-type", Wire.Problem.mediaType), ("content-length", "\(body.count)"), ("cache-control", "no-store"),
            ("x-content-type-options", "nosniff"), ("connection", "close"),
        ]
    }
}
