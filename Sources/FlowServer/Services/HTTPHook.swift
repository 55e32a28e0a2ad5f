import AsyncHTTPClient
import FlowModel
import NIOCore
import NIOHTTP1

/// Posts a message as JSON. Redirects are not followed: the address in the configuration is the one that is meant.
struct HTTPHook: NotificationHook {
    let url: String
    let timeoutSeconds: Double

    func deliver(_ message: JSON) async throws {
        var request = HTTPClientRequest(url: url)
        request.method = .POST
        request.headers.add(name: "content-type", value: "application/json")
        request.body = .bytes(ByteBuffer(bytes: message.canonicalBytes))
        var configuration = HTTPClient.Configuration(redirectConfiguration: .disallow)
        configuration.timeout = .init(connect: .seconds(Int64(timeoutSeconds)), read: .seconds(Int64(timeoutSeconds)))
        // A client for each message: they are rare, and an idle pool would cost more than it saves.
        let client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
        let status: HTTPResponseStatus
        do {
            status = try await client.execute(request, timeout: .seconds(Int64(timeoutSeconds))).status
        } catch {
            try await client.shutdown()
            throw error
        }
        try await client.shutdown()
        guard (200..<300).contains(status.code) else {
            throw FlowError(.unreachable, subject: url, "\(url) answered \(status.code).")
        }
    }
}
