import FlowHTTP
import FlowModel

/// Posts a message as JSON. Redirects are not followed: the address in the configuration is the one that is meant.
struct HTTPHook: NotificationHook {
    let url: String
    let timeoutSeconds: Double
    /// One for all messages, so that its thread is there once.
    private let client = HTTP.Client()

    init(url: String, timeoutSeconds: Double) {
        self.url = url
        self.timeoutSeconds = timeoutSeconds
    }

    func deliver(_ message: JSON) async throws {
        let times = HTTP.TimeLimits(connect: timeoutSeconds, head: timeoutSeconds, silence: timeoutSeconds, whole: timeoutSeconds)
        let request = HTTP.Request(
            "POST", url, headers: ["content-type": "application/json"], body: .bytes(message.canonicalBytes), times: times)
        // Only its status counts: what else it says is not read.
        let status = try await client.open(request).status
        let shown = HTTP.withoutCredentials(url)
        guard (200..<300).contains(status) else { throw FlowError(.unreachable, subject: shown, "\(shown) answered \(status).") }
    }

    func close() async { await client.close() }
}
