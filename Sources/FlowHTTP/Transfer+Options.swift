import CLibCurl
import Glibc

/// What libcurl is told. Everything that it would take from its surroundings by itself (proxies, netrc, cookies, other protocols) is off or said.
extension Transfer {
    /// The bundle of Debian's ca-certificates. Named, and its directory not: libcurl keeps what it has read only then, and reading it takes
    /// longer than everything else of a handshake.
    private static let systemAuthorities = "/etc/ssl/certs/ca-certificates.crt"
    /// Seconds for which it keeps that.
    private static let authoritiesSeconds = 300
    /// Seconds of silence after which TCP asks whether the other side is there, and between two such questions: for streams that may be
    /// silent for hours.
    private static let (keepAliveIdleSeconds, keepAliveIntervalSeconds) = (60, 15)

    func setOptions() throws(HTTP.Failure) {
        try set(CURLOPT_ERRORBUFFER, pointer: errorText)
        // Signals belong to the process.
        try set(CURLOPT_NOSIGNAL, 1)
        // A name lookup that hangs is left to its thread; the loop would wait for it.
        try set(CURLOPT_QUICK_EXIT, 1)
        try set(CURLOPT_URL, request.url)
        try set(CURLOPT_PATH_AS_IS, 1)
        try set(CURLOPT_PROTOCOLS_STR, "http,https")
        try set(CURLOPT_REDIR_PROTOCOLS_STR, "http,https")
        try set(CURLOPT_FOLLOWLOCATION, 0)
        // One transfer, one connection: to pause a stream of HTTP/2 holds up the others on its connection.
        try set(CURLOPT_HTTP_VERSION, flow_curl_http_1_1)
        try set(CURLOPT_HTTP09_ALLOWED, 0)
        try set(CURLOPT_CONNECTTIMEOUT_MS, max(1, Int(request.times.connect * 1_000)))
        try set(CURLOPT_TCP_KEEPALIVE, 1)
        try set(CURLOPT_TCP_KEEPIDLE, Self.keepAliveIdleSeconds)
        try set(CURLOPT_TCP_KEEPINTVL, Self.keepAliveIntervalSeconds)
        try set(CURLOPT_MAXAGE_CONN, idleSeconds)
        if !request.mayBeRepeated { try set(CURLOPT_FRESH_CONNECT, 1) }
        if request.decompresses { try set(CURLOPT_ACCEPT_ENCODING, "gzip, deflate") }
        if let socket = request.socket { try set(CURLOPT_UNIX_SOCKET_PATH, socket) }
        try setProxy()
        try setTLS()
        try setMethod()
        try setHeaders()
        try setCallbacks()
    }

    private func setProxy() throws(HTTP.Failure) {
        switch request.proxy {
        // Empty: none, and the environment is not asked.
        case .none: try set(CURLOPT_PROXY, "")
        case .url(let url):
            try set(CURLOPT_PROXY, url)
            try set(CURLOPT_NOPROXY, "")
        case .environment: break
        }
        // What is said to the other side is not said to the proxy, nor what the proxy says taken for its answer.
        try set(CURLOPT_HEADEROPT, flow_curl_separate_headers)
        try set(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1)
    }

    private func setTLS() throws(HTTP.Failure) {
        try set(CURLOPT_SSL_VERIFYPEER, 1)
        try set(CURLOPT_SSL_VERIFYHOST, 2)
        try set(CURLOPT_SSLVERSION, flow_curl_tls_1_2)
        try set(CURLOPT_CAPATH, nil)
        // Of one's own nothing is a file to libcurl: it would read that on this thread, and a pipe or a disk that hangs would stop all transfers.
        if let authorities = order.tls.authorities {
            try set(CURLOPT_CAINFO, nil)
            try set(CURLOPT_CAINFO_BLOB, blob: authorities)
        } else {
            try set(CURLOPT_CAINFO, Self.systemAuthorities)
            try set(CURLOPT_CA_CACHE_TIMEOUT, Self.authoritiesSeconds)
        }
        if let certificate = order.tls.certificate { try set(CURLOPT_SSLCERT_BLOB, blob: certificate) }
        if let key = order.tls.key { try set(CURLOPT_SSLKEY_BLOB, blob: key) }
        // A key that wants one is refused: OpenSSL would ask on the terminal, and everybody would wait.
        try set(CURLOPT_KEYPASSWD, "")
    }

    private func setMethod() throws(HTTP.Failure) {
        if request.method == "HEAD" { return try set(CURLOPT_NOBODY, 1) }
        if let upload {
            try set(CURLOPT_POST, 1)
            try check(flow_curl_set_size(easy, CURLOPT_POSTFIELDSIZE_LARGE, Int64(upload.bytes)), CURLOPT_POSTFIELDSIZE_LARGE)
        } else {
            try set(CURLOPT_HTTPGET, 1)
        }
        try set(CURLOPT_CUSTOMREQUEST, request.method)
    }

    private func setHeaders() throws(HTTP.Failure) {
        var lines = request.headers.fields.map { $0.value.isEmpty ? "\($0.name);" : "\($0.name): \($0.value)" }
        // What libcurl would say by itself: nothing but what the caller says goes out.
        for name in ["Accept", "Content-Type", "Expect", "User-Agent"] where request.headers[name] == nil { lines.append("\(name):") }
        for line in lines {
            guard let longer = curl_slist_append(headerList, line) else { throw .other("no memory for headers") }
            headerList = longer
        }
        try check(flow_curl_set_list(easy, CURLOPT_HTTPHEADER, headerList), CURLOPT_HTTPHEADER)
    }

    // MARK: Kinds of options

    func set(_ option: CURLoption, _ value: Int) throws(HTTP.Failure) { try check(flow_curl_set_long(easy, option, value), option) }

    func set(_ option: CURLoption, _ text: String?) throws(HTTP.Failure) { try check(flow_curl_set_text(easy, option, text), option) }

    func set(_ option: CURLoption, pointer: UnsafeMutableRawPointer) throws(HTTP.Failure) {
        try check(flow_curl_set_pointer(easy, option, pointer), option)
    }

    func set(_ option: CURLoption, blob: [UInt8]) throws(HTTP.Failure) {
        try check(blob.withUnsafeBytes { flow_curl_set_blob(easy, option, $0.baseAddress, $0.count) }, option)
    }

    func check(_ code: CURLcode, _ option: CURLoption) throws(HTTP.Failure) {
        guard code != CURLE_OK else { return }
        throw .invalid("libcurl does not take option \(option.rawValue): \(String(cString: curl_easy_strerror(code)))")
    }
}
