import AsyncHTTPClient
import FlowCommand
import Glibc
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL
import Synchronization

/// HTTP over TCP and unix sockets.
final class ClientTransport: HTTPTransport {
    private static let connectSeconds: Int64 = 10
    /// Seconds without a byte after which a stream counts as lost: the server sends a comment every 15.
    private static let silenceSeconds: Int64 = 60

    private struct Clients {
        /// For exchanges with a deadline of their own.
        var requests: HTTPClient
        /// For streams that have none.
        var streams: HTTPClient
    }

    /// By the authority that is trusted; there is one, but for tests.
    private let clients = Mutex<[String?: Clients]>([:])

    private func clients(trusting ca: String?) throws -> Clients {
        if let made = clients.withLock({ $0[ca] }) { return made }
        var configuration = HTTPClient.Configuration()
        if let ca {
            guard let trusted = try? NIOSSLCertificate.fromPEMFile(ca), !trusted.isEmpty else {
                throw TransportFailure(.other, "\(ca) cannot be read as certificates in PEM")
            }
            var tls = TLSConfiguration.makeClientConfiguration()
            tls.trustRoots = .certificates(trusted)
            configuration.tlsConfiguration = tls
        }
        configuration.timeout.connect = .seconds(Self.connectSeconds)
        configuration.redirectConfiguration = .disallow
        configuration.decompression = .disabled
        // Who is not there is not there: whether to try again is decided above.
        configuration.connectionPool.retryConnectionEstablishment = false
        let requests = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
        configuration.timeout.read = .seconds(Self.silenceSeconds)
        let made = Clients(requests: requests, streams: HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration))
        clients.withLock { $0[ca] = made }
        return made
    }

    func close() async {
        // The process ends; connections that do not close in order are closed by that.
        for made in clients.withLock({ Array($0.values) }) {
            try? await made.requests.shutdown()
            try? await made.streams.shutdown()
        }
    }

    func send(_ call: HTTPCall, receive: (HTTPHead, [UInt8]) async throws -> Void) async throws -> HTTPHead {
        let request = try ClientTransport.request(call)
        let clients = try clients(trusting: call.ca)
        let client = call.deadlineSeconds == nil ? clients.streams : clients.requests
        let deadline = call.deadlineSeconds.map { NIODeadline.now() + .nanoseconds(Int64($0 * 1e9)) } ?? .distantFuture
        do {
            let response = try await client.execute(request, deadline: deadline)
            let head = HTTPHead(
                status: Int(response.status.code),
                headers: Dictionary(
                    response.headers.map { ($0.name.lowercased(), $0.value) }, uniquingKeysWith: { $0 + ", " + $1 }))
            func hand(_ bytes: [UInt8]) async throws {
                do {
                    try await receive(head, bytes)
                } catch {
                    throw Declined(error: error)
                }
            }
            // That a stream is open counts, also when nothing comes on it.
            if call.deadlineSeconds == nil { try await hand([]) }
            for try await piece in response.body { try await hand(Array(piece.readableBytesView)) }
            return head
        } catch let declined as Declined {
            throw declined.error
        } catch {
            if Task.isCancelled { throw CancellationError() }
            throw ClientTransport.failure(error)
        }
    }

    /// What the receiver threw, to tell it from what the connection threw.
    private struct Declined: Error {
        var error: any Error
    }

    private static func request(_ call: HTTPCall) throws -> HTTPClientRequest {
        let base =
            switch call.server {
            case .socket(let path): "http+unix://\(percentEncoded(path))"
            case .url(let url): url
            }
        var request = HTTPClientRequest(url: base + call.path)
        request.method = HTTPMethod(rawValue: call.method)
        for (name, value) in call.headers { request.headers.add(name: name, value: value) }
        switch call.body {
        case .none: break
        case .bytes(let bytes): request.body = .bytes(ByteBuffer(bytes: bytes))
        case .file(let path):
            let pieces = try FilePieces(path)
            request.body = .stream(pieces, length: .known(Int64(pieces.bytes)))
        }
        return request
    }

    private static func failure(_ error: any Error) -> any Error {
        switch error {
        case let error as HTTPClientError:
            switch error {
            case .connectTimeout, .readTimeout, .writeTimeout, .deadlineExceeded, .getConnectionFromPoolTimeout,
                .tlsHandshakeTimeout:
                return TransportFailure(.timedOut, error.description)
            case .remoteConnectionClosed: return TransportFailure(.lost, error.description)
            default: return TransportFailure(.other, error.description)
            }
        case let error as IOError: return failure(errno: error.errnoCode, "\(error)")
        case let error as NIOConnectionError:
            if let error = error.connectionErrors.first?.error as? IOError {
                return failure(errno: error.errnoCode, "\(error)")
            }
            return TransportFailure(.other, "\(error.host) cannot be found: \(error.dnsAError.map { "\($0)" } ?? "no address")")
        case is HTTPParserError: return TransportFailure(.other, "what came from there is not HTTP")
        case is ChannelError: return TransportFailure(.lost, "\(error)")
        case _ where "\(error)".contains("CERTIFICATE_VERIFY_FAILED"):
            return TransportFailure(
                .other,
                "its certificate is not signed by somebody who is trusted here, is for another name, or is good no more; "
                    + "--ca FILE names who signed it")
        case is NIOSSLError, is BoringSSLError:
            // Their own words name places in the sources of the library.
            let isPlain = ["WRONG_VERSION_NUMBER", "HTTP_REQUEST", "PACKET_LENGTH_TOO_LONG"].contains { "\(error)".contains($0) }
            let why = isPlain ? "it does not speak TLS there; without TLS its URL begins with http://" : "TLS could not be agreed on with it"
            return TransportFailure(.other, why)
        default: return TransportFailure(.other, "\(error)")
        }
    }

    private static func failure(errno code: Int32, _ message: String) -> TransportFailure {
        switch code {
        case ECONNREFUSED, ENOENT, ENOTDIR: TransportFailure(.nobody, message)
        case EACCES, EPERM: TransportFailure(.denied, message)
        case ETIMEDOUT: TransportFailure(.timedOut, message)
        case ECONNRESET, EPIPE: TransportFailure(.lost, message)
        default: TransportFailure(.other, String(cString: strerror(code)))
        }
    }
}

/// The bytes of a file, read piece by piece on threads that may block.
private struct FilePieces: AsyncSequence, Sendable {
    private static let pieceBytes = 256 << 10
    let path: String
    let bytes: Int

    init(_ path: String) throws {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw TransportFailure(.other, "\(path): \(String(cString: strerror(errno)))") }
        defer { Glibc.close(descriptor) }
        bytes = Int(lseek(descriptor, 0, SEEK_END))
        self.path = path
    }

    struct AsyncIterator: AsyncIteratorProtocol {
        let path: String
        var offset = 0

        mutating func next() async throws -> ByteBuffer? {
            let (path, start) = (path, offset)
            let piece = try await NIOThreadPool.singleton.runIfActive { try FilePieces.read(path, from: start) }
            offset += piece.count
            return piece.isEmpty ? nil : ByteBuffer(bytes: piece)
        }
    }

    func makeAsyncIterator() -> AsyncIterator { AsyncIterator(path: path) }

    private static func read(_ path: String, from offset: Int) throws -> [UInt8] {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw TransportFailure(.other, "\(path): \(String(cString: strerror(errno)))") }
        defer { close(descriptor) }
        var failure: Int32 = 0
        let piece = [UInt8](unsafeUninitializedCapacity: pieceBytes) { buffer, count in
            let read = pread(descriptor, buffer.baseAddress, buffer.count, off_t(offset))
            if read < 0 { failure = errno }
            count = Swift.max(0, read)
        }
        guard failure == 0 else { throw TransportFailure(.other, "\(path): \(String(cString: strerror(failure)))") }
        return piece
    }
}
