import FlowModel
import Hummingbird
import NIOCore

/// Writes to a client that may read slowly or not at all: each write has a deadline.
///
/// Used by one task at a time; it is a class because the deadline's task needs a hold on the writer.
final class StreamSink: @unchecked Sendable {
    // Only ever touched by the one task that awaits `write` or `finish`, and by the child that it waits for.
    private var writer: any ResponseBodyWriter

    init(_ writer: any ResponseBodyWriter) { self.writer = writer }

    func write(_ text: String) async throws { try await write(ByteBuffer(string: text)) }

    func write(_ buffer: ByteBuffer) async throws {
        try await withDeadline(seconds: APILimits.writeSeconds, doing: "the client read what was sent") {
            try await self.writer.write(buffer)
        }
    }

    func finish() async throws { try await writer.finish(nil) }
}
