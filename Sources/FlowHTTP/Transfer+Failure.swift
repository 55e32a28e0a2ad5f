import CLibCurl
import Glibc

/// libcurl's codes in the words of this room.
extension Transfer {
    func result(of code: CURLcode) -> Result<Void, HTTP.Failure> {
        if let fault { return .failure(hasBegun && fault.isBeforeSending ? .connectionLost("and again: \(fault)") : fault) }
        // Who closes in the middle of a head has given an answer without a body, for libcurl.
        guard code != CURLE_OK else { return reader.isOver ? .success(()) : .failure(.connectionLost("its head is not complete")) }
        let failure = failure(of: code)
        // On a kept connection that broke, libcurl has sent it and tries again by itself: what keeps it from that says nothing of the first time.
        return .failure(hasBegun && failure.isBeforeSending ? .connectionLost("and again: \(failure)") : failure)
    }

    /// libcurl's own words, but for those that have credentials in them.
    private var words: String {
        let text = String(cString: errorText)
        // What the environment says of a proxy is not known here, and may have a password in it.
        if request.proxy == .environment, text.contains("://") { return "" }
        var secrets = order.parts.credentials
        if case .url(let proxy) = request.proxy, let parts = try? URLParts(proxy) { secrets += parts.credentials }
        return text.isEmpty || secrets.contains { text.contains($0) } ? "" : text
    }

    private func words(or code: CURLcode) -> String {
        let words = words
        return words.isEmpty ? String(cString: curl_easy_strerror(code)) : words
    }

    /// Whom it connects to.
    private var place: String {
        if let socket = request.socket { return socket }
        return request.proxy == .none ? order.parts.place : "the proxy"
    }

    private func failure(of code: CURLcode) -> HTTP.Failure {
        switch code {
        case CURLE_COULDNT_RESOLVE_HOST: .nameNotFound(order.parts.host)
        case CURLE_COULDNT_RESOLVE_PROXY: .nameNotFound("the proxy")
        case CURLE_COULDNT_CONNECT: notConnected
        case CURLE_OPERATION_TIMEDOUT: .timedOut(phase, seconds: request.times.connect)
        case CURLE_URL_MALFORMAT: .invalid("its URL cannot be read")
        case CURLE_GOT_NOTHING: .connectionLost("nothing came")
        case CURLE_PARTIAL_FILE: .connectionLost("less came than was announced")
        case CURLE_SEND_ERROR, CURLE_RECV_ERROR: brokenOff(code)
        case CURLE_UNSUPPORTED_PROTOCOL, CURLE_WEIRD_SERVER_REPLY, CURLE_BAD_CONTENT_ENCODING: .notHTTP(words(or: code))
        // A line of a head for which libcurl itself has no room.
        case CURLE_OUT_OF_MEMORY where phase == .head: .tooLarge(.headers, limit: request.sizes.headBytes)
        case CURLE_PEER_FAILED_VERIFICATION: .tls(notVerified)
        case CURLE_SSL_CONNECT_ERROR: .tls(notAgreed(code))
        case CURLE_SSL_CACERT_BADFILE: .tls(.authorities(request.tls.authorities?.name ?? "the list of this machine"))
        case CURLE_SSL_CERTPROBLEM: .tls(.clientCertificate(ownFiles + words(or: code)))
        case CURLE_SSL_CLIENTCERT: .tls(.clientCertificateWanted)
        default: .other(words(or: code))
        }
    }

    /// What our certificate and its key were read from, which libcurl does not know.
    private var ownFiles: String {
        let names = [request.tls.certificate, request.tls.key].compactMap { pem -> String? in
            if case .file(let path) = pem { path } else { nil }
        }
        return names.isEmpty ? "" : "\(names.joined(separator: " with ")): "
    }

    private var notConnected: HTTP.Failure {
        if let refusal, !hasDialled { return .forbiddenAddress(refusal) }
        var number = 0
        flow_curl_get_long(easy, CURLINFO_OS_ERRNO, &number)
        let code = Int32(truncatingIfNeeded: number)
        return switch code {
        case ECONNREFUSED, ENOENT, ENOTDIR: .refused(place)
        case EACCES, EPERM: .denied(place)
        // Linux says EAGAIN when the line of a unix socket is full. libcurl takes that for a beginning, and then knows only that nothing came of it.
        case 0 where request.socket != nil && socketFault == nil: .busy(place)
        case 0 where socketFault != nil: .unreachable("\(place) cannot be reached: \(SystemError.text(socketFault ?? 0))")
        case ETIMEDOUT: .timedOut(.connect, seconds: request.times.connect)
        case 0: .unreachable(words(or: CURLE_COULDNT_CONNECT))
        default: .unreachable("\(place) cannot be reached: \(SystemError.text(code))")
        }
    }

    /// It ended while something was sent or read.
    private func brokenOff(_ code: CURLcode) -> HTTP.Failure {
        let text = words(or: code)
        if text.contains("chunk") { return .notHTTP(text) }
        if text.contains("Too large response headers") { return .tooLarge(.headers, limit: request.sizes.headBytes) }
        if text.contains("CONNECT tunnel failed") || text.contains("from proxy") { return .proxy(text) }
        if text.contains("certificate required") || text.contains("alert bad certificate") || text.contains("alert unknown ca") {
            return .tls(.clientCertificateWanted)
        }
        return .connectionLost(text)
    }

    private var notVerified: HTTP.TLSFault {
        let text = String(cString: errorText)
        // The name is compared by libcurl itself, behind OpenSSL's checks.
        if text.contains("target host name") || text.contains("common name") { return .wrongName(order.parts.host) }
        var verdict = 0
        flow_curl_get_long(easy, CURLINFO_SSL_VERIFYRESULT, &verdict)
        // The numbers are OpenSSL's X509_V_ERR_…
        return switch verdict {
        case 9: .notYetValid
        case 10: .expired
        default: .notTrusted(text.split(separator: ": ").last.map(String.init) ?? "error \(verdict)")
        }
    }

    private func notAgreed(_ code: CURLcode) -> HTTP.TLSFault {
        let text = words(or: code)
        let isPlain = ["wrong version number", "http request", "packet length too long", "record layer failure", "unknown protocol"]
        if isPlain.contains(where: text.contains) { return .notTLS }
        return .other(text)
    }
}
