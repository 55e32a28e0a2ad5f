import CLibCurl
import FlowThreads
import Synchronization

extension HTTP {
    /// Sends requests. One thread of its own does all of it, from the first request on; close it to end that, or let go of it.
    package final class Client: Sendable {
        private struct State {
            var isRunning = false
            var isClosed = false
            var lastID: UInt64 = 0
        }

        private let limits: ClientLimits
        private let mailbox = Mailbox()
        private let files = BlockingThreads(limit: Client.fileThreads)
        private let tlsFiles = TLSFiles()
        private let ended = Ending()
        private let state = Mutex(State())

        /// Files that are read at once: a disk that hangs holds up no other transfer than those that send from it.
        private static let fileThreads = 4

        package init(limits: ClientLimits = ClientLimits()) { self.limits = limits }

        deinit { mailbox.send { $0.stop() } }

        /// Ends every request with `Failure.closed`, every connection, and the thread.
        package func close() async {
            let wasRunning = state.withLock { state in
                state.isClosed = true
                return state.isRunning
            }
            guard wasRunning else { return }
            mailbox.send { $0.stop() }
            await ended.wait()
        }

        /// The whole answer, which must have a bound. Throws `Failure`, or `CancellationError` when the task was cancelled.
        package func send(_ request: Request) async throws -> Response {
            guard let limit = request.sizes.bodyBytes else { throw Failure.invalid("a whole answer needs a limit of its size") }
            // Where redirects are followed no more than their heads is read.
            let begun = try await begin(request, isStream: request.redirects > 0)
            guard request.redirects > 0 else {
                let head = try await begun.exchange.head()
                return Response(head: head, body: try await begun.exchange.next() ?? [])
            }
            let stream = try await follow(begun, request)
            return Response(head: stream.head, body: try await stream.collect(upTo: limit))
        }

        /// The head of the answer, and its body as it comes. Throws as `send`.
        package func open(_ request: Request) async throws -> Stream {
            try await follow(try await begin(request, isStream: true), request)
        }

        // MARK: Redirects

        private struct Begun {
            var exchange: Exchange
            /// When all of it must be over.
            var end: ContinuousClock.Instant?
        }

        private func follow(_ begun: Begun, _ request: Request) async throws -> Stream {
            var (begun, request, hops) = (begun, request, 0)
            while true {
                do {
                    let stream = Stream(head: try await begun.exchange.head(), exchange: begun.exchange, redirects: hops)
                    guard request.redirects > 0, [301, 302, 303, 307, 308].contains(stream.head.status),
                        let location = stream.head.headers["location"]
                    else {
                        return stream
                    }
                    hops += 1
                    guard hops <= request.redirects else { throw Failure.redirect("there were more than \(request.redirects)") }
                    request = try request.redirected(by: stream.head.status, to: location)
                    begun = try await begin(request, isStream: true, end: begun.end)
                } catch let failure as Failure where hops > 0 {
                    if case .redirect = failure { throw failure }
                    throw Failure.behindRedirect(failure)
                }
            }
        }

        // MARK: The loop

        private func begin(_ request: Request, isStream: Bool, end: ContinuousClock.Instant? = nil) async throws -> Begun {
            try Task.checkCancellation()
            let end = end ?? request.times.whole.map { .now + .seconds($0) }
            let parts = try request.checked()
            let ready = try await prepare(request, parts, end: end)
            let exchange = Exchange(id: try start(), isStream: isStream, bufferBytes: limits.bufferBytes, mailbox: mailbox)
            let order = Order(exchange: exchange, request: request, parts: parts, file: ready.file, tls: ready.tls, end: end)
            guard mailbox.send({ $0.carryOut(order) }) else { throw Failure.closed }
            return Begun(exchange: exchange, end: end)
        }

        /// Opens and reads what the request names of this machine's files, outside the loop, within the time for connecting.
        private func prepare(
            _ request: Request, _ parts: URLParts, end: ContinuousClock.Instant?
        ) async throws -> (file: OpenFile?, tls: TLSMaterial) {
            let until = [.now + .seconds(request.times.connect), end].compactMap { $0 }.min() ?? .now
            do {
                var file: OpenFile?
                if case .file(let path) = request.body {
                    file = try await files.call(until: until) { try OpenFile(path) }
                    if file == nil { throw Failure.invalid("\(path) could not be opened within \(request.times.connect) s") }
                }
                // Nobody is shown a certificate, nor looks at one, without TLS.
                let tls = parts.scheme == "https" ? try await tlsFiles.read(request.tls, until: until, seconds: request.times.connect) : TLSMaterial()
                return (file, tls)
            } catch let failure as Failure {
                if let end, end <= .now { throw Failure.timedOut(.whole, seconds: request.times.whole ?? 0) }
                throw failure
            }
        }

        /// Sees to it that the loop runs; the number of a new request.
        private func start() throws(Failure) -> UInt64 {
            try state.withLock { state throws(Failure) in
                guard !state.isClosed else { throw .closed }
                if !state.isRunning {
                    try Self.run(limits, mailbox, files, ended)
                    state.isRunning = true
                }
                state.lastID += 1
                return state.lastID
            }
        }

        private static func run(_ limits: ClientLimits, _ mailbox: Mailbox, _ files: BlockingThreads, _ ended: Ending) throws(Failure) {
            guard LibCurl.isReady, let multi = curl_multi_init() else { throw .other("libcurl does not start") }
            // Without descriptors for it libcurl starts all the same, and then nobody can wake the loop.
            guard curl_multi_wakeup(multi) == CURLM_OK else {
                curl_multi_cleanup(multi)
                throw .other("no descriptors are left for HTTP")
            }
            let address = UInt(bitPattern: multi)
            let isStarted = OwnThread.start {
                if let multi = UnsafeMutableRawPointer(bitPattern: address) {
                    Loop(multi, limits: limits, mailbox: mailbox, files: files).run()
                }
                ended.end()
            }
            guard isStarted else {
                curl_multi_cleanup(multi)
                throw .other("the system has no thread left for HTTP")
            }
        }
    }
}

/// libcurl's own beginning, once for the process.
private enum LibCurl {
    static let isReady = flow_curl_begin() == CURLE_OK
}

/// That the loop has ended, for who waits for it.
private final class Ending: Sendable {
    private let state = Mutex((isOver: false, waiting: [CheckedContinuation<Void, Never>]()))

    func end() {
        let waiting = state.withLock { state in
            defer { state = (true, []) }
            return state.waiting
        }
        for continuation in waiting { continuation.resume() }
    }

    /// Returns once `end` was called. It is soon: cancellation does not shorten it.
    func wait() async {
        await withCheckedContinuation { continuation in
            let isOver = state.withLock { state in
                if !state.isOver { state.waiting.append(continuation) }
                return state.isOver
            }
            if isOver { continuation.resume() }
        }
    }
}
