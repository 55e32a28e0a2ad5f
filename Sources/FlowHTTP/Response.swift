extension HTTP {
    /// The head of an answer.
    package struct Head: Hashable, Sendable {
        package var status: Int
        package var headers: Headers
        /// Whom the answer is from, behind redirects, without credentials.
        package var url: String
    }

    /// A whole answer.
    package struct Response: Hashable, Sendable {
        package var head: Head
        package var body: [UInt8]

        package var status: Int { head.status }
        package var headers: Headers { head.headers }
    }

    /// An answer whose body comes piece by piece, as fast as somebody takes it. One task reads it. The transfer ends with its last piece,
    /// when that task is cancelled, and when nobody has the stream any more.
    package final class Stream: AsyncSequence, Sendable {
        package let head: Head
        /// How many redirects led there.
        package let redirects: Int
        private let exchange: Exchange

        package var status: Int { head.status }
        package var headers: Headers { head.headers }

        init(head: Head, exchange: Exchange, redirects: Int) {
            self.head = head
            self.redirects = redirects
            self.exchange = exchange
        }

        deinit { exchange.abandon(CancellationError()) }

        package struct AsyncIterator: AsyncIteratorProtocol {
            fileprivate let stream: Stream

            /// Whatever has come, never empty; nil behind the last. Throws `HTTP.Failure`, or `CancellationError` when the task was cancelled.
            package mutating func next() async throws -> [UInt8]? { try await stream.exchange.next() }
        }

        package func makeAsyncIterator() -> AsyncIterator { AsyncIterator(stream: self) }

        /// All that is left. Throws `Failure.tooLarge` when it is more than `limit` bytes.
        package func collect(upTo limit: Int) async throws -> [UInt8] {
            var whole: [UInt8] = []
            for try await piece in self {
                guard whole.count + piece.count <= limit else { throw HTTP.Failure.tooLarge(.body, limit: limit) }
                if whole.isEmpty { whole = piece } else { whole += piece }
            }
            return whole
        }
    }
}
