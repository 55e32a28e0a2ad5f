internal import FlowModel

/// One connection to a place's runner: said hello, then requests and frames.
///
/// Reading belongs to one task at a time.
final class HostDialogue: Sendable {
    enum Verb: String { case hello, start, attach, kill, forget }

    /// Who the place says it is.
    let place: Place
    private let channel: any TransportChannel
    private let buffer: HostBuffer
    private let patience: HostPatience

    /// Opens the connection and waits for the hello.
    init(_ transport: any Transport, verb: Verb, spool: String?, silenceSeconds: Double) async throws {
        let channel = try await transport.open(HostRunner.command(verb.rawValue, spool: spool))
        let patience = HostPatience(seconds: silenceSeconds)
        let buffer = HostBuffer(channel, patience)
        do {
            let words = try await HostDialogue.within(HostRecordLimits.helloSeconds, channel, "the host did not say hello") {
                try await buffer.hello()
            }
            place = Place(bootID: words[2], spoolID: words[3])
        } catch {
            channel.close()
            throw error
        }
        (self.channel, self.buffer, self.patience) = (channel, buffer, patience)
    }

    /// Runs `body`, in which a host that falls silent is given up.
    func watching<Value: Sendable>(_ body: () async throws -> Value) async throws -> Value {
        try await patience.watching(channel, body)
    }

    /// Sends all of it. A runner that refuses ends before it has taken everything: then what it said is thrown, and not that the line broke.
    func send(_ pieces: [[UInt8]]) async throws {
        do {
            try await write(pieces)
        } catch {
            guard !Task.isCancelled, let said = await lastWords() else { throw error }
            throw said
        }
    }

    /// Why a runner that takes no more has ended, where it said so.
    private func lastWords() async -> HostFault? {
        let buffer = buffer
        do {
            _ = try await HostDialogue.within(HostRecordLimits.lastWordsSeconds, channel, "the host did not say why") {
                try await buffer.line()
            }
            return nil
        } catch let fault as HostFault where fault.isRefusal {
            return fault
        } catch {
            // It said nothing: that it took nothing more is all that is known.
            return nil
        }
    }

    private func write(_ pieces: [[UInt8]]) async throws {
        for bytes in pieces {
            for start in stride(from: 0, to: bytes.count, by: HostRecordLimits.pieceBytes) {
                let piece = Array(bytes[start..<min(bytes.count, start + HostRecordLimits.pieceBytes)])
                try await patience.wait("the host took nothing of what it was sent") { try await channel.write(piece) }
            }
        }
    }

    /// The next line, if it comes soon.
    func answer() async throws -> String {
        let buffer = buffer
        return try await HostDialogue.within(HostRecordLimits.helloSeconds, channel, "the host did not answer") {
            try await buffer.line()
        }
    }

    func line() async throws -> String { try await buffer.line() }
    func bytes(_ count: Int) async throws -> [UInt8] { try await buffer.bytes(count) }
    func close() { channel.close() }

    /// Ends `work` by closing the channel when it takes longer. `late` says what did not happen.
    private static func within<Value: Sendable>(
        _ seconds: Double, _ channel: any TransportChannel, _ late: String, _ work: @escaping @Sendable () async throws -> Value
    ) async throws -> Value {
        try await withThrowingTaskGroup(of: Value?.self) { group in
            group.addTask { try await work() }
            group.addTask {
                try await Task.sleep(for: .seconds(seconds))
                channel.close()
                return nil
            }
            defer { group.cancelAll() }
            if let value = try await group.next() ?? nil { return value }
            throw TransportError(.stream, "\(late) within \(Int(seconds)) s", mayHaveRun: true)
        }
    }
}
