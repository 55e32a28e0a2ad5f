/// Carries one request to a server and its answer back.
package protocol HTTPTransport: Sendable {
    /// Sends `call`; `receive` gets the answer's body piece by piece and can throw to end it. A call without a deadline hands it nothing at first,
    /// when the head is there. Returns the head when the body is over.
    ///
    /// Throws `TransportFailure` when there is no answer, or half of one; whatever `receive` throws comes out as it is.
    func send(
        _ call: HTTPCall, receive: (HTTPHead, [UInt8]) async throws -> Void
    ) async throws -> HTTPHead
}

/// One request.
package struct HTTPCall: Hashable, Sendable {
    package enum Body: Hashable, Sendable {
        case none
        case bytes([UInt8])
        /// A file of this machine, streamed.
        case file(String)
    }

    package var server: ServerAddress
    /// The file of the authority that must have signed the server's certificate; nil: one of those that this machine trusts.
    package var ca: String?
    package var method: String
    /// Path and query, percent-encoded.
    package var path: String
    package var headers: [String: String]
    package var body: Body
    /// Seconds until the whole exchange is given up; nil: never, as long as something arrives now and then.
    package var deadlineSeconds: Double?

    package init(
        server: ServerAddress, ca: String? = nil, method: String, path: String, headers: [String: String] = [:], body: Body = .none,
        deadlineSeconds: Double? = CommandLimits.requestSeconds
    ) {
        self.server = server
        self.ca = ca
        self.method = method
        self.path = path
        self.headers = headers
        self.body = body
        self.deadlineSeconds = deadlineSeconds
    }
}

/// Where a server listens.
package enum ServerAddress: Hashable, Sendable, CustomStringConvertible {
    /// A unix socket.
    case socket(String)
    /// `http://…` or `https://…`, without a slash at its end.
    case url(String)

    package var description: String {
        switch self {
        case .socket(let path): path
        case .url(let url): url
        }
    }
}

/// Status and headers of an answer; header names in lower case.
package struct HTTPHead: Hashable, Sendable {
    package var status: Int
    package var headers: [String: String]

    package init(status: Int, headers: [String: String] = [:]) {
        self.status = status
        self.headers = headers
    }
}

/// Why there is no answer.
package struct TransportFailure: Error, Hashable, Sendable {
    package enum Kind: Hashable, Sendable {
        /// Nobody listens there: no such socket, connection refused.
        case nobody
        /// The socket may not be opened by this user.
        case denied
        /// No answer in time.
        case timedOut
        /// The connection ended in the middle.
        case lost
        /// Name lookup, TLS and the like: `message` says what.
        case other
    }

    package var kind: Kind
    package var message: String

    package init(_ kind: Kind, _ message: String) {
        self.kind = kind
        self.message = message
    }
}

/// A percent-encoded segment of a path, or a value of a query: only the unreserved characters of RFC 3986 stay.
package func percentEncoded(_ text: String) -> String {
    let digits = Array("0123456789ABCDEF".utf8)
    var out: [UInt8] = []
    for byte in text.utf8 {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
            UInt8(ascii: "~"):
            out.append(byte)
        default: out += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
        }
    }
    return String(decoding: out, as: UTF8.self)
}
