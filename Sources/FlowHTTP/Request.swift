extension HTTP {
    /// What is asked of whom, and within which bounds.
    package struct Request: Sendable {
        package enum Body: Hashable, Sendable {
            case none
            case bytes([UInt8])
            /// A file of this machine, sent piece by piece. Its size is taken when the request begins.
            case file(String)
        }

        package enum Proxy: Hashable, Sendable {
            case none
            /// `http://…` or `https://…`.
            case url(String)
            /// Whatever `http_proxy`, `https_proxy` and `no_proxy` say.
            case environment
        }

        /// Who is believed, and who we are.
        package struct TLS: Hashable, Sendable {
            /// Certificates or a key in PEM.
            package enum PEM: Hashable, Sendable {
                case bytes([UInt8])
                /// A file of this machine, at most `TLSFiles.largestBytes`. It is read when the request begins, as long as `TimeLimits.connect` allows. A
                /// pipe is read once for all requests of a client: it says what it says only once.
                case file(String)
            }

            /// Certificates, one of which must have signed the other side's; nil: those that this machine trusts.
            package var authorities: PEM?
            /// Our certificate, with its chain.
            package var certificate: PEM?
            /// Its key, without a passphrase.
            package var key: PEM?

            package init(authorities: PEM? = nil, certificate: PEM? = nil, key: PEM? = nil) {
                self.authorities = authorities
                self.certificate = certificate
                self.key = key
            }
        }

        package var method: String
        /// `http://…` or `https://…`, percent-encoded, sent as it is.
        package var url: String
        package var headers: Headers
        package var body: Body
        /// Connects to this unix socket instead of the URL's host, which is then only a name.
        package var socket: String?
        package var tls = TLS()
        package var proxy = Proxy.none
        /// How many redirects are followed; 0: an answer that redirects is an answer like any other. Never followed: to other protocols,
        /// from https to http, to another host on a unix socket. To another host no credentials go along.
        package var redirects = 0
        /// Asks for gzip or deflate and gives the body decompressed. Else it is given as it comes.
        package var decompresses = false
        package var times: TimeLimits
        package var sizes: SizeLimits
        /// Judges every address before it is connected to; nil: all are good. With a proxy it sees the proxy's address and the URL's where
        /// that is one: where the proxy goes for a name is for the proxy to decide.
        package var egress: EgressRules?
        /// Whether an open connection may be used again. libcurl sends a request a second time, without a word, when such a connection
        /// turns out to be closed; what must not be done twice therefore goes over a connection of its own.
        package var mayBeRepeated: Bool

        package init(
            _ method: String = "GET", _ url: String, headers: Headers = [:], body: Body = .none, times: TimeLimits = TimeLimits(),
            sizes: SizeLimits = SizeLimits()
        ) {
            self.method = method
            self.url = url
            self.headers = headers
            self.body = body
            self.times = times
            self.sizes = sizes
            mayBeRepeated = ["GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"].contains(method)
        }
    }
}
