import FlowEngine
import FlowModel
package import NIOCore
import Synchronization

/// The news of one run for all who follow it: read once and encoded once, whoever asks first.
///
/// A page with records in it stays true for ever: it is what follows a sequence number. "There is nothing more", and "the run has ended",
/// grow old when the run changes; then it is looked at again, not more often than `APILimits.streamPauseSeconds` allows.
package actor RunFeed {
    /// What follows a sequence number; empty when there is nothing more so far.
    package struct Page: Sendable {
        package var text: ByteBuffer
        /// The sequence number of its last record, or the one that was asked for.
        package var last: Int
        /// Whether the run has ended and nothing follows this.
        package var isEnd = false
        /// The version of the run that it is true for; nil: for all.
        var version: Int?
    }

    nonisolated let news = RunNews()
    private let run: RunID
    private let reader: any JournalReader
    private let reads: Turnstile
    /// By the sequence number that they follow.
    private var pages: [Int: Page] = [:]
    /// The keys of `pages`, oldest first.
    private var order: [Int] = []
    private var lastLook: ContinuousClock.Instant?
    private var isReading = false
    private var waiting: [CheckedContinuation<Void, Never>] = []

    init(_ run: RunID, reader: any JournalReader, reads: Turnstile) {
        self.run = run
        self.reader = reader
        self.reads = reads
    }

    /// What follows `sequence`.
    package func page(after sequence: Int) async throws -> Page {
        while true {
            if let page = pages[sequence], page.version == nil || page.version == news.version { return page }
            guard isReading else { break }
            await withCheckedContinuation { waiting.append($0) }
        }
        isReading = true
        defer {
            isReading = false
            for other in waiting { other.resume() }
            waiting = []
        }
        // Who was at the end before waits a little, so that what comes thick and fast is read together.
        if pages[sequence] != nil, let lastLook {
            let rest = lastLook + .seconds(APILimits.streamPauseSeconds) - .now
            if rest > .zero { try await Task.sleep(for: rest) }
        }
        let version = news.look()
        let (run, reader) = (run, reader)
        var page = try await reads.pass { try await RunFeed.read(run, after: sequence, reader) }
        lastLook = .now
        if page.isEnd || page.last == sequence { page.version = version }
        keep(page, after: sequence)
        return page
    }

    private static func read(_ run: RunID, after sequence: Int, _ reader: any JournalReader) async throws -> Page {
        // The row first: if it says that the run has ended, the records read after it are all there are.
        let row = try await reader.run(run, inputsUpTo: 0)
        let records = try await reader.journal(of: run, after: sequence, limit: APILimits.streamPage)
        var page = Page(text: ByteBuffer(), last: records.last?.sequence ?? sequence)
        for record in records { page.text.writeString(try EventText.message(record)) }
        guard let row else {
            // A run that is gone.
            page.isEnd = true
            return page
        }
        if row.state.isTerminal, page.last >= row.head.sequence, records.count < APILimits.streamPage {
            page.text.writeString(try EventText.end(row.state))
            page.isEnd = true
        }
        return page
    }

    private func keep(_ page: Page, after sequence: Int) {
        if pages.updateValue(page, forKey: sequence) == nil { order.append(sequence) }
        var bytes = pages.values.reduce(0) { $0 + $1.text.readableBytes }
        while bytes > APILimits.streamCacheBytes || order.count > APILimits.streamCachePages, order.count > 1 {
            bytes -= pages.removeValue(forKey: order.removeFirst())?.text.readableBytes ?? 0
        }
    }
}

/// Whether a run has changed since somebody looked: told from any thread.
final class RunNews: Sendable {
    private let state = Mutex<(version: Int, isAnnounced: Bool)>((0, false))

    var version: Int { state.withLock { $0.version } }

    /// Notes a change. False when followers were told of one that nobody has looked at yet.
    func announce() -> Bool {
        state.withLock { state in
            state.version += 1
            defer { state.isAnnounced = true }
            return !state.isAnnounced
        }
    }

    /// Somebody looks: the next change is told again.
    func look() -> Int {
        state.withLock { state in
            state.isAnnounced = false
            return state.version
        }
    }
}

/// Lets so many through at once; the others wait in line.
final class Turnstile: Sendable {
    private let state: Mutex<(free: Int, waiting: [CheckedContinuation<Void, Never>])>

    init(_ places: Int) { state = Mutex((places, [])) }

    func pass<Value>(_ work: () async throws -> Value) async throws -> Value {
        await withCheckedContinuation { continuation in
            let isFree = state.withLock { state in
                guard state.free > 0 else {
                    state.waiting.append(continuation)
                    return false
                }
                state.free -= 1
                return true
            }
            if isFree { continuation.resume() }
        }
        defer {
            let next = state.withLock { state -> CheckedContinuation<Void, Never>? in
                guard state.waiting.isEmpty else { return state.waiting.removeFirst() }
                state.free += 1
                return nil
            }
            next?.resume()
        }
        return try await work()
    }
}
