extension HTTP {
    /// How long each part of a request may take, in seconds; nil: for ever.
    package struct TimeLimits: Hashable, Sendable {
        /// Name lookup, TCP and TLS together, for all addresses of the name. Before that as long again for files of this machine that the request names.
        package var connect: Double
        /// From the request, or the last of its body that was taken, to the end of the answer's head. A head that comes byte by byte gets no more.
        package var head: Double?
        /// Between two pieces of the answer's body. The time in which nobody here takes them does not count.
        package var silence: Double?
        /// From the call to the end of the answer, waiting for a free place and redirects included.
        package var whole: Double?

        package init(connect: Double = 10, head: Double? = 60, silence: Double? = 60, whole: Double? = 300) {
            self.connect = connect
            self.head = head
            self.silence = silence
            self.whole = whole
        }
    }

    /// How much an answer may be.
    package struct SizeLimits: Hashable, Sendable {
        /// libcurl itself takes no head beyond this.
        package static let largestHeadBytes = 256 << 10

        /// Bytes of all heads and trailers of an answer; at most `largestHeadBytes`.
        package var headBytes: Int
        /// Header fields of all of them.
        package var headerCount: Int
        /// Bytes of the body, decompressed; nil: as many as come, which is for bodies that are read piece by piece.
        package var bodyBytes: Int?

        package init(headBytes: Int = 64 << 10, headerCount: Int = 256, bodyBytes: Int? = 16 << 20) {
            self.headBytes = min(headBytes, Self.largestHeadBytes)
            self.headerCount = headerCount
            self.bodyBytes = bodyBytes
        }
    }

    /// What a client uses at most.
    package struct ClientLimits: Hashable, Sendable {
        /// Requests that are carried out at once; others wait for a place.
        package var transfers: Int
        /// The same for one host and port, or one socket.
        package var transfersPerHost: Int
        /// Requests that wait for a place; more are refused.
        package var waiting: Int
        /// Seconds that a request waits for a place.
        package var waitSeconds: Double
        /// Open connections that are kept for later requests.
        package var idleConnections: Int
        /// Seconds until such a connection is closed; it may take twice as long while others are in use.
        package var idleSeconds: Int
        /// Bytes of a body that wait for their reader before no more are read from the network.
        package var bufferBytes: Int

        package init(
            transfers: Int = 256, transfersPerHost: Int = 64, waiting: Int = 4096, waitSeconds: Double = 60, idleConnections: Int = 32,
            idleSeconds: Int = 30, bufferBytes: Int = 256 << 10
        ) {
            self.transfers = transfers
            self.transfersPerHost = transfersPerHost
            self.waiting = waiting
            self.waitSeconds = waitSeconds
            self.idleConnections = idleConnections
            self.idleSeconds = idleSeconds
            self.bufferBytes = bufferBytes
        }
    }
}
