import FlowEngine
import FlowModel
import FlowWire
import HTTPTypes
import Hummingbird
import NIOCore

/// The files that steps have fetched.
enum ArtifactHandlers {
    private static let kinds = WorkKinds.all.filter { $0.artifact != nil }.map { $0.kind }

    static func list(_ call: Call) async throws -> Response {
        let run = try await call.run().id
        let limit = try call.pageSize()
        let rows = try await call.api.reader.steps(of: run, kinds: kinds, after: try call.position("after"), limit: limit + 1)
        let items = rows.prefix(limit).compactMap { row in
            artifact(of: row).map { Wire.Artifact($0, of: row.path, target: row.attempt?.target, endedAt: row.endedAt) }
        }
        return try Answer.page(items, next: rows.count > limit ? rows.prefix(limit).last.map { String($0.index) } : nil)
    }

    static func download(_ call: Call) async throws -> Response {
        let row = try await call.step(of: try await call.run().id)
        guard let artifact = artifact(of: row) else {
            throw FlowError(
                .notFound, subject: row.path.text, "Step '\(row.path)' has no artifact: it is a \(row.kind), and \(row.state.rawValue).",
                hint: "flowctl artifacts \(row.run)")
        }
        let offset = try call.integer("offset", in: 0...artifact.bytes, unless: 0)
        let blobs = call.api.blobs
        // Asked for before anything is answered: what is not there is an error, and no empty file.
        let first = try await blobs.read(artifact.digest, from: offset, limit: APILimits.outputChunkBytes)
        guard let first, !first.isEmpty || offset == artifact.bytes else {
            throw FlowError(
                .database, subject: row.path.text, "The artifact of step '\(row.path)' is not in the database.", hint: "flowctl doctor")
        }
        let headers: HTTPFields = [.contentDisposition: "attachment; filename*=UTF-8''\(PercentCoding.encode(artifact.name))"]
        return Answer.stream(type: "application/octet-stream", headers: headers, length: artifact.bytes - offset) { writer in
            let sink = StreamSink(writer)
            var (piece, done) = (first, offset)
            while !piece.isEmpty {
                try await sink.write(ByteBuffer(bytes: piece))
                done += piece.count
                piece = try await blobs.read(artifact.digest, from: done, limit: APILimits.outputChunkBytes) ?? []
            }
            // A shorter file than was announced breaks the connection off: nobody takes it for the whole.
            try await sink.finish()
        }
    }

    private static func artifact(of row: StepRow) -> Artifact? {
        guard row.state == .succeeded, case .inline(let value)? = row.output, let kind = WorkKinds.named(row.kind) else { return nil }
        return kind.artifact?(value)
    }
}
