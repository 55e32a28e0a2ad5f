import CLibCurl
import FlowThreads

/// One request that libcurl carries out. Lives on the loop's thread.
final class Transfer {
    let order: Order
    let easy: UnsafeMutableRawPointer
    let errorText: UnsafeMutablePointer<CChar>
    /// What `CURLOPT_HTTPHEADER` points to.
    var headerList: UnsafeMutablePointer<curl_slist>?
    var upload: Upload?
    var reader: HeadReader
    /// What one of the callbacks found wrong; libcurl knows only that one of them did.
    var fault: HTTP.Failure?
    /// An address that the rules forbid.
    var refusal: EgressRules.Refusal?
    /// Whether the request has begun to go out: the other side may have seen it.
    var hasBegun = false
    /// Why a socket that was to be opened was not.
    var socketFault: Int32?
    /// Whether any address was connected to, or tried.
    var hasDialled = false
    private(set) var phase = HTTP.Failure.Phase.connect
    private var phaseEnd: ContinuousClock.Instant?
    private var bodyBytes = 0
    private var isReceivingPaused = false
    private var isSendingPaused = false
    private unowned let loop: Loop

    var request: HTTP.Request { order.request }
    var idleSeconds: Int { loop.limits.idleSeconds }

    /// Sets everything up; the loop begins it. Throws `Failure` when libcurl will not have it.
    init(_ order: Order, loop: Loop) throws(HTTP.Failure) {
        guard let easy = curl_easy_init() else { throw .other("no memory for a transfer") }
        self.order = order
        self.loop = loop
        self.easy = easy
        errorText = .allocate(capacity: Int(CURL_ERROR_SIZE))
        errorText.initialize(repeating: 0, count: Int(CURL_ERROR_SIZE))
        reader = HeadReader(limits: order.request.sizes, decompresses: order.request.decompresses)
        switch order.request.body {
        case .none: upload = ["POST", "PUT", "PATCH"].contains(order.request.method) ? Upload([]) : nil
        case .bytes(let bytes): upload = Upload(bytes)
        case .file: upload = order.file.map { Upload($0) }
        }
        phaseEnd = .now + .seconds(order.request.times.connect)
        try setOptions()
    }

    deinit {
        // First: it may still look at the others.
        curl_easy_cleanup(easy)
        curl_slist_free_all(headerList)
        errorText.deallocate()
    }

    // MARK: Time

    /// When it has taken too long, as far as can be said now.
    var due: ContinuousClock.Instant? { [phaseEnd, order.end].compactMap { $0 }.min() }

    /// What has taken too long; nil: nothing yet.
    func failure(at now: ContinuousClock.Instant) -> HTTP.Failure? {
        if let end = order.end, end <= now { return .timedOut(.whole, seconds: request.times.whole ?? 0) }
        guard let phaseEnd, phaseEnd <= now else { return nil }
        return .timedOut(phase, seconds: seconds(of: phase) ?? 0)
    }

    /// A part begins, or goes on: it has its whole time from now.
    func enter(_ phase: HTTP.Failure.Phase) {
        self.phase = phase
        phaseEnd = seconds(of: phase).map { .now + .seconds($0) }
        loop.look(at: phaseEnd)
    }

    /// Bytes have gone out: whatever part it is in has its whole time again, unless it is a reader of ours that is waited for.
    private func goOn() {
        if phase != .connect, !isReceivingPaused { enter(phase) }
    }

    private func seconds(of phase: HTTP.Failure.Phase) -> Double? {
        switch phase {
        case .connect: request.times.connect
        case .head: request.times.head
        case .silence: request.times.silence
        case .whole: request.times.whole
        }
    }

    // MARK: Sending

    enum Sent {
        case bytes(Int)
        case paused
    }

    func send(_ buffer: UnsafeMutableRawBufferPointer) -> Sent {
        switch upload?.take(buffer) {
        case .none: return .bytes(0)
        case .bytes(let count):
            goOn()
            return .bytes(count)
        case .needs(let file, let offset, let count):
            isSendingPaused = true
            // It is this side that is waited for.
            phaseEnd = nil
            let (id, mailbox) = (order.exchange.id, loop.mailbox)
            loop.files.run {
                let piece = Result { () throws(HTTP.Failure) -> [UInt8] in try file.read(at: offset, count: count) }
                mailbox.send { $0.fileWasRead(id, at: offset, piece) }
            }
            return .paused
        }
    }

    /// Goes on with what was read. How the transfer ended, if it ended by that.
    func resumeSending(_ piece: Result<[UInt8], HTTP.Failure>, at offset: Int) -> CURLcode? {
        guard isSendingPaused else { return nil }
        switch piece {
        case .success(let bytes): upload?.give(bytes, at: offset)
        case .failure(let failure):
            fault = failure
            return CURLE_READ_ERROR
        }
        isSendingPaused = false
        goOn()
        return applyPauses()
    }

    // MARK: Receiving

    enum Received { case taken, paused, refused }

    /// A line of a head, or of what stands behind the body.
    func receive(line: UnsafeRawBufferPointer) -> Bool {
        do throws(HTTP.Failure) {
            guard let (status, headers) = try reader.take(line) else { return true }
            enter(.silence)
            let url = order.parts.credentials.isEmpty ? request.url : HTTP.withoutCredentials(request.url)
            order.exchange.take(HTTP.Head(status: status, headers: headers, url: url))
            return true
        } catch {
            fault = error
            return false
        }
    }

    func receive(body bytes: UnsafeRawBufferPointer) -> Received {
        if let limit = request.sizes.bodyBytes, bodyBytes + bytes.count > limit {
            fault = .tooLarge(.body, limit: limit)
            return .refused
        }
        switch order.exchange.take(bytes) {
        case .taken:
            bodyBytes += bytes.count
            enter(.silence)
            return .taken
        case .full:
            isReceivingPaused = true
            phaseEnd = nil
            return .paused
        case .over: return .refused
        }
    }

    /// How the transfer ended, if it ended by that.
    func resumeReceiving() -> CURLcode? {
        guard isReceivingPaused else { return nil }
        isReceivingPaused = false
        if !isSendingPaused { enter(.silence) }
        return applyPauses()
    }

    private func applyPauses() -> CURLcode? {
        let code = curl_easy_pause(easy, (isReceivingPaused ? CURLPAUSE_RECV : 0) | (isSendingPaused ? CURLPAUSE_SEND : 0))
        return code == CURLE_OK ? nil : code
    }
}
