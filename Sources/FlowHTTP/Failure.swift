extension HTTP {
    /// Why there is no answer, or half of one. No credentials of a URL are in any of these.
    package enum Failure: Error, Hashable, Sendable {
        package enum Phase: Hashable, Sendable { case connect, head, silence, whole }
        package enum Part: Hashable, Sendable { case headers, headerCount, body }

        /// No address is known for that name.
        case nameNotFound(String)
        /// Nobody listens there: connection refused, no such socket.
        case refused(String)
        /// The socket may not be opened by this user.
        case denied(String)
        /// Whoever listens at that unix socket takes no more connections at the moment.
        case busy(String)
        /// No way leads there.
        case unreachable(String)
        case timedOut(Phase, seconds: Double)
        /// It ended in the middle.
        case connectionLost(String)
        case tls(TLSFault)
        /// More came than `limit` bytes, or header fields.
        case tooLarge(Part, limit: Int)
        /// What came is not HTTP, or not as its own head says.
        case notHTTP(String)
        /// The rules of the request forbid the only addresses that there are.
        case forbiddenAddress(EgressRules.Refusal)
        /// A redirect that is not followed; says why.
        case redirect(String)
        /// What became of the request that a redirect led to; the one before it was answered.
        indirect case behindRedirect(Failure)
        /// The proxy would not.
        case proxy(String)
        /// The request cannot be sent as it is.
        case invalid(String)
        /// Too many requests at once.
        case overloaded(String)
        /// The client was closed.
        case closed
        case other(String)

        /// Whether the other side cannot have seen the request: it is safe to send it again.
        package var isBeforeSending: Bool {
            switch self {
            case .nameNotFound, .refused, .denied, .busy, .unreachable, .timedOut(.connect, _), .forbiddenAddress, .proxy, .invalid, .overloaded: true
            case .tls(let fault): fault != .clientCertificateWanted
            case .timedOut, .connectionLost, .tooLarge, .notHTTP, .redirect, .behindRedirect, .closed, .other: false
            }
        }
    }

    /// Why TLS was not agreed on.
    package enum TLSFault: Hashable, Sendable {
        /// Its certificate is not signed by somebody who is trusted here; the checker's words.
        case notTrusted(String)
        /// Its certificate is for others than that host.
        case wrongName(String)
        case expired
        case notYetValid
        /// It does not speak TLS there.
        case notTLS
        /// What the authorities are in (a file) has no certificates in PEM.
        case authorities(String)
        /// A file of certificates or of a key cannot be read; which, and why.
        case unreadable(String)
        /// Our own certificate, or its key, cannot be used; why.
        case clientCertificate(String)
        /// It wants a certificate of ours, and took none, or not this one.
        case clientCertificateWanted
        case other(String)
    }
}

extension HTTP.Failure: CustomStringConvertible {
    package var description: String {
        switch self {
        case .nameNotFound(let name): "\(name) cannot be found: no address is known for that name"
        case .refused(let place): "nobody listens at \(place)"
        case .denied(let place): "\(place) may not be opened by this user"
        case .busy(let place): "\(place) is busy: as many connections as it keeps waiting wait already"
        case .unreachable(let why): why
        case .timedOut(let phase, let seconds): "\(phase.text) within \(seconds.formattedSeconds)"
        case .connectionLost(let why): "the connection ended before the answer was complete (\(why))"
        case .tls(let fault): fault.description
        case .tooLarge(.headers, let limit): "the head of the answer is larger than \(limit) bytes"
        case .tooLarge(.headerCount, let limit): "the answer has more than \(limit) header fields"
        case .tooLarge(.body, let limit): "the answer is larger than \(limit) bytes"
        case .notHTTP(let why): "what came from there is not HTTP (\(why))"
        case .forbiddenAddress(let refusal): refusal.description
        case .redirect(let why): "a redirect was not followed: \(why)"
        case .behindRedirect(let failure): "behind a redirect: \(failure)"
        case .proxy(let why): "the proxy would not connect: \(why)"
        case .invalid(let why): "the request cannot be sent: \(why)"
        case .overloaded(let why): "too many requests at once: \(why)"
        case .closed: "the HTTP client is closed"
        case .other(let why): why
        }
    }
}

extension HTTP.TLSFault: CustomStringConvertible {
    package var description: String {
        switch self {
        case .notTrusted(let why): "its certificate is not signed by somebody who is trusted here (\(why))"
        case .wrongName(let host): "its certificate is for another name than \(host)"
        case .expired: "its certificate is good no more: it has expired"
        case .notYetValid: "its certificate is not good yet: it begins in the future"
        case .notTLS: "it does not speak TLS there"
        case .authorities(let file): "\(file) has no certificates in PEM"
        case .unreadable(let why): why
        case .clientCertificate(let why): "our certificate cannot be used: \(why)"
        case .clientCertificateWanted: "it wants a certificate of ours, and took none"
        case .other(let why): "TLS could not be agreed on with it (\(why))"
        }
    }
}

extension HTTP.Failure.Phase {
    fileprivate var text: String {
        switch self {
        case .connect: "no connection"
        case .head: "no answer"
        case .silence: "nothing more came"
        case .whole: "no whole answer"
        }
    }
}

extension Double {
    /// `30 s`, `0.5 s`.
    fileprivate var formattedSeconds: String {
        let short = (self * 1_000).rounded() / 1_000
        return short == short.rounded() && abs(short) < 1e9 ? "\(Int(short)) s" : "\(short) s"
    }
}
