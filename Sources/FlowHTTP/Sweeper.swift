import CLibCurl

/// Has libcurl close connections that nobody has used for a while.
///
/// libcurl looks for old ones only when somebody connects. So now and then somebody does who may open no socket: a look, and nothing goes out.
struct Sweeper {
    /// libcurl looks at most once in a second, and counts whole ones.
    private static let graceSeconds = 1.1

    let idleSeconds: Int
    /// When to look; nil: no connection is left behind by anybody.
    private(set) var due: ContinuousClock.Instant?
    private var lastEnd: ContinuousClock.Instant?
    private var easy: UnsafeMutableRawPointer?

    init(idleSeconds: Int) { self.idleSeconds = idleSeconds }

    mutating func transferEnded(at now: ContinuousClock.Instant) {
        lastEnd = now
        if due == nil { due = now + .seconds(Double(idleSeconds) + Self.graceSeconds) }
    }

    /// Looks when it is time.
    mutating func sweep(_ multi: UnsafeMutableRawPointer, now: ContinuousClock.Instant) {
        guard let due, due <= now else { return }
        end(multi)
        // What was left behind since is looked at once more.
        let next = lastEnd.map { $0 + .seconds(Double(idleSeconds) + Self.graceSeconds) }
        self.due = next.flatMap { $0 > now ? $0 : nil }
        guard let easy = curl_easy_init() else { return }
        flow_curl_set_text(easy, CURLOPT_URL, "http://0.0.0.0/")
        flow_curl_set_text(easy, CURLOPT_PROXY, "")
        flow_curl_set_long(easy, CURLOPT_MAXAGE_CONN, idleSeconds)
        flow_curl_set_long(easy, CURLOPT_NOSIGNAL, 1)
        flow_curl_set_open_socket(easy) { _, _, _ in -1 }
        curl_multi_add_handle(multi, easy)
        self.easy = easy
    }

    /// Clears away what the last look left.
    mutating func end(_ multi: UnsafeMutableRawPointer) {
        guard let easy else { return }
        curl_multi_remove_handle(multi, easy)
        curl_easy_cleanup(easy)
        self.easy = nil
    }
}
