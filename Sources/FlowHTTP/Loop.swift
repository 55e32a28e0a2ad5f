import CLibCurl
import FlowThreads

/// What the loop is asked to carry out.
struct Order: Sendable {
    let exchange: Exchange
    let request: HTTP.Request
    let parts: URLParts
    /// The file of the body, opened.
    let file: OpenFile?
    /// Certificates and key, read.
    let tls: TLSMaterial
    /// When all of it must be over; nil: never.
    let end: ContinuousClock.Instant?
    let began = ContinuousClock.now

    /// Whom it counts for.
    var place: String { request.socket ?? parts.origin }
}

/// Drives libcurl. Lives on one thread and is touched by no other.
///
/// One turn waits for sockets, messages and the next deadline, has libcurl do what is ready, and hands the results to the waiting tasks.
/// Who may begin when, and how long each part may take, is decided here and not by libcurl: its own limits know neither the line nor the
/// parts.
final class Loop {
    /// It looks at its clocks at least this often.
    private static let longestTurnMilliseconds: Int32 = 60_000

    let limits: HTTP.ClientLimits
    let mailbox: Mailbox
    let files: BlockingThreads
    private let multi: UnsafeMutableRawPointer
    private var line: [Order] = []
    private var transfers: [UInt64: Transfer] = [:]
    private var byHandle: [UnsafeMutableRawPointer: Transfer] = [:]
    private var perPlace: [String: Int] = [:]
    /// The earliest time at which something can be due.
    private var nextLook: ContinuousClock.Instant?
    private var sweeper: Sweeper
    private var isStopping = false

    /// Takes over `multi`.
    init(_ multi: UnsafeMutableRawPointer, limits: HTTP.ClientLimits, mailbox: Mailbox, files: BlockingThreads) {
        self.multi = multi
        self.limits = limits
        self.mailbox = mailbox
        self.files = files
        sweeper = Sweeper(idleSeconds: limits.idleSeconds)
    }

    /// Until somebody stops it.
    func run() {
        mailbox.open(multi)
        while !isStopping {
            curl_multi_poll(multi, nil, 0, millisecondsToWait, nil)
            for work in mailbox.take() { work(self) }
            var running: Int32 = 0
            curl_multi_perform(multi, &running)
            collectEnded()
            sweeper.sweep(multi, now: .now)
            endWhatIsDue()
            // Last, behind whatever gives a place free. libcurl does not wait when it has a new one.
            fillPlaces()
        }
        for work in mailbox.closeAndTake() { work(self) }
        for order in line { order.exchange.end(.failure(.closed)) }
        for transfer in transfers.values { remove(transfer, .failure(.closed)) }
        line = []
        sweeper.end(multi)
        curl_multi_cleanup(multi)
    }

    // MARK: What it is told

    func carryOut(_ order: Order) {
        guard line.count < limits.waiting else {
            return order.exchange.end(.failure(.overloaded("\(line.count) wait already")))
        }
        line.append(order)
        look(at: lineEnd(of: order))
    }

    /// Nobody wants it any more.
    func abandon(_ id: UInt64) {
        line.removeAll { $0.exchange.id == id }
        if let transfer = transfers[id] { remove(transfer, .failure(.closed)) }
    }

    /// Its reader has taken what there was.
    func resume(_ id: UInt64) {
        guard let transfer = transfers[id], let code = transfer.resumeReceiving() else { return }
        remove(transfer, transfer.result(of: code))
    }

    func fileWasRead(_ id: UInt64, at offset: Int, _ piece: Result<[UInt8], HTTP.Failure>) {
        guard let transfer = transfers[id], let code = transfer.resumeSending(piece, at: offset) else { return }
        remove(transfer, transfer.result(of: code))
    }

    func stop() { isStopping = true }

    /// Something is due then.
    func look(at instant: ContinuousClock.Instant?) {
        guard let instant else { return }
        nextLook = nextLook.map { min($0, instant) } ?? instant
    }

    // MARK: The line

    /// Begins what there is a place for, in the order in which it came; who waits for a host that is busy holds up no other.
    private func fillPlaces() {
        guard !line.isEmpty, transfers.count < limits.transfers else { return }
        var left: [Order] = []
        for order in line {
            if transfers.count < limits.transfers, perPlace[order.place, default: 0] < limits.transfersPerHost {
                begin(order)
            } else {
                left.append(order)
            }
        }
        line = left
    }

    private func begin(_ order: Order) {
        do throws(HTTP.Failure) {
            let transfer = try Transfer(order, loop: self)
            guard curl_multi_add_handle(multi, transfer.easy) == CURLM_OK else { throw .other("libcurl takes no more transfers") }
            transfers[order.exchange.id] = transfer
            byHandle[transfer.easy] = transfer
            perPlace[order.place, default: 0] += 1
            boundConnections()
            look(at: transfer.due)
        } catch {
            order.exchange.end(.failure(error))
        }
    }

    private func remove(_ transfer: Transfer, _ result: Result<Void, HTTP.Failure>) {
        curl_multi_remove_handle(multi, transfer.easy)
        transfers[transfer.order.exchange.id] = nil
        byHandle[transfer.easy] = nil
        let place = transfer.order.place
        perPlace[place] = perPlace[place].flatMap { $0 > 1 ? $0 - 1 : nil }
        boundConnections()
        sweeper.transferEnded(at: .now)
        transfer.order.exchange.end(result)
    }

    /// libcurl counts those in use among those that it keeps.
    private func boundConnections() {
        flow_curl_multi_set_long(multi, CURLMOPT_MAXCONNECTS, transfers.count + limits.idleConnections)
    }

    private func collectEnded() {
        var code = CURLE_OK
        while let handle = flow_curl_next_ended(multi, &code) {
            guard let transfer = byHandle[handle] else { continue }
            remove(transfer, transfer.result(of: code))
        }
    }

    // MARK: Time

    private func lineEnd(of order: Order) -> ContinuousClock.Instant {
        let end = order.began + .seconds(limits.waitSeconds)
        return order.end.map { min($0, end) } ?? end
    }

    private func endWhatIsDue() {
        let now = ContinuousClock.now
        guard let look = nextLook, look <= now else { return }
        nextLook = nil
        let late = line.filter { lineEnd(of: $0) <= now }
        line.removeAll { lineEnd(of: $0) <= now }
        for order in late {
            if let end = order.end, end <= now {
                order.exchange.end(.failure(.timedOut(.whole, seconds: order.request.times.whole ?? 0)))
            } else {
                order.exchange.end(.failure(.overloaded("there was no free place within \(limits.waitSeconds) s")))
            }
        }
        for transfer in transfers.values {
            if let failure = transfer.failure(at: now) { remove(transfer, .failure(failure)) } else { self.look(at: transfer.due) }
        }
        for order in line { self.look(at: lineEnd(of: order)) }
    }

    private var millisecondsToWait: Int32 {
        guard let due = [nextLook, sweeper.due].compactMap({ $0 }).min() else { return Self.longestTurnMilliseconds }
        let left = ContinuousClock.now.duration(to: due) / .milliseconds(1)
        return Int32(max(0, min(Double(Self.longestTurnMilliseconds), left.rounded(.up))))
    }
}
