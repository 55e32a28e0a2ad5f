internal import FlowModel
internal import Synchronization

/// One connection to a place's runner: said hello, then requests and frames.
///
/// Reading belongs to one task at a time.
final class HostDialogue: Sendable {
    enum Verb: String { case start, attach, kill, forget }

    /// Who the place says it is.
    let place: Place
    private let channel: any TransportChannel
    private let buffer: HostBuffer

    /// Opens the connection and waits for the hello.
    init(_ transport: any Transport, verb: Verb, spool: String?) async throws {
        let channel = try await transport.open(HostRunner.command(verb.rawValue, spool: spool))
        let buffer = HostBuffer(channel)
        do {
            let words = try await HostDialogue.within(HostRecordLimits.helloSeconds, channel) { try await buffer.hello() }
            place = Place(bootID: words[2], spoolID: words[3])
            self.channel = channel
            self.buffer = buffer
        } catch {
            await channel.close()
            throw error
        }
    }

    func send(_ bytes: [UInt8]) async throws { try await channel.write(bytes) }
    func send(_ pieces: [[UInt8]]) async throws {
        for piece in pieces { try await channel.write(piece) }
    }

    /// The next line, if it comes soon.
    func answer() async throws -> String {
        let buffer = buffer
        return try await HostDialogue.within(HostRecordLimits.helloSeconds, channel) { try await buffer.line() }
    }
    func line() async throws -> String { try await buffer.line() }
    func bytes(_ count: Int) async throws -> [UInt8] { try await buffer.bytes(count) }
    func close() async { await channel.close() }

    /// Closes without waiting for it.
    func abandon() {
        let channel = channel
        // Bounded by the transport: closing lets go at once and cannot hang.
        Task { await channel.close() }
    }

    /// Ends `work` by closing the channel when it takes longer.
    private static func within<Value: Sendable>(
        _ seconds: Double, _ channel: any TransportChannel, _ work: @escaping @Sendable () async throws -> Value
    ) async throws -> Value {
        try await withThrowingTaskGroup(of: Value?.self) { group in
            group.addTask { try await work() }
            group.addTask {
                try await Task.sleep(for: .seconds(seconds))
                await channel.close()
                return nil
            }
            defer { group.cancelAll() }
            if let value = try await group.next() ?? nil { return value }
            throw TransportError(.exec, "the host did not answer within \(Int(seconds)) s")
        }
    }
}

/// Takes lines and exact numbers of bytes from a channel.
actor HostBuffer {
    private let channel: any TransportChannel
    private var pending: [UInt8] = []
    private var start = 0
    private var complaint: [UInt8] = []

    init(_ channel: any TransportChannel) { self.channel = channel }

    /// The words of the hello, after whatever login files have written before it.
    func hello() async throws -> [String] {
        var noise = 0
        var first: String?
        do {
            while noise < HostRecordLimits.noiseBytes {
                let line = try await line()
                let words = line.split(separator: " ").map(String.init)
                if words.count >= 4, words[0] == "flow-runner", words[1] == "1" { return words }
                if !line.isEmpty { first = first ?? line }
                noise += line.utf8.count + 1
            }
        } catch let error as TransportError {
            guard let first else { throw error }
            throw HostFault.garbled("it says '\(first.prefix(80))' instead of hello")
        }
        throw HostFault.garbled("it says '\(first?.prefix(80) ?? "")' and more instead of hello")
    }

    /// The next line. Throws what the host says instead of an answer.
    func line() async throws -> String {
        var scanned = start
        while true {
            if let end = pending[scanned...].firstIndex(of: 0x0A) {
                let line = String(decoding: pending[start..<end], as: UTF8.self)
                drop(to: end + 1)
                if line.hasPrefix("error ") {
                    let words = line.split(separator: " ", maxSplits: 2).map(String.init)
                    throw HostFault.said(words.count > 1 ? words[1] : "", words.count > 2 ? words[2] : "")
                }
                return line
            }
            guard pending.count - start <= HostRecordLimits.lineBytes else { throw HostFault.garbled("a line does not end") }
            let offset = pending.count - start
            try await more()
            scanned = start + offset
        }
    }

    func bytes(_ count: Int) async throws -> [UInt8] {
        while pending.count - start < count { try await more() }
        defer { drop(to: start + count) }
        return Array(pending[start..<start + count])
    }

    private func drop(to position: Int) {
        start = position
        if start == pending.count {
            pending.removeAll(keepingCapacity: true)
            start = 0
        }
    }

    private func more() async throws {
        if start > 0 {
            pending.removeFirst(start)
            start = 0
        }
        while let event = try await channel.next() {
            switch event {
            case .stdout(let bytes):
                pending += bytes
                return
            case .stderr(let bytes): complaint = Array((complaint + bytes).suffix(400))
            case .exited:
                let text = String(decoding: complaint, as: UTF8.self).split(whereSeparator: \.isNewline).last ?? ""
                throw TransportError(
                    .stream, "the connection to the runner ended" + (text.isEmpty ? "" : ": \(text)"), mayHaveRun: true)
            }
        }
        throw TransportError(.stream, "the connection to the runner ended", mayHaveRun: true)
    }
}

/// Connections of ended attempts, which wait for the word that the outcome is journaled.
final class Farewells: Sendable {
    private struct Kept {
        var conversations: [AttemptID: HostDialogue] = [:]
        var order: [AttemptID] = []
    }

    private let kept = Mutex(Kept())

    func keep(_ conversation: HostDialogue, for id: AttemptID) {
        let oldest = kept.withLock { kept -> HostDialogue? in
            kept.conversations[id] = conversation
            kept.order.append(id)
            guard kept.order.count > HostRecordLimits.farewells else { return nil }
            return kept.conversations.removeValue(forKey: kept.order.removeFirst())
        }
        // Its record is forgotten on a connection of its own.
        oldest?.abandon()
    }

    func take(_ id: AttemptID) -> HostDialogue? {
        kept.withLock { kept in
            kept.order.removeAll { $0 == id }
            return kept.conversations.removeValue(forKey: id)
        }
    }
}
