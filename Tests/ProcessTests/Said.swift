import FlowTestKit
import Foundation
import Testing

extension Program {
    /// What it has said, and how it ended: -1 while it runs.
    func said() -> Said { Said(status: status ?? -1, stdout: output, stderr: errors) }

    /// Asks it to end, and waits until it has.
    func terminate() async {
        signal(SIGTERM)
        await ended()
    }
}

/// What a command said.
struct Said: Sendable {
    var status: Int32
    var stdout: String
    var stderr: String

    func json() throws -> [String: Any] {
        let value = try? JSONSerialization.jsonObject(with: Data(stdout.utf8))
        return try #require(value as? [String: Any], "status \(status), no object: \(stdout) \(stderr)")
    }

    /// The items of a page.
    func items() throws -> [[String: Any]] { try json()["items"] as? [[String: Any]] ?? [] }
}
