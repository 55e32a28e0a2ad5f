/// A host as the inventory describes it, frozen into a run when the run starts.
package struct Host: Hashable, Sendable, Codable {
    package var name: String
    package var address: String
    package var port: Int
    /// The account to log in as; nil means the engine's own.
    package var user: String?
    /// A private key file; nil leaves it to the agent.
    package var identityFile: String?
    /// Accepted host keys, each as in `known_hosts`: type and base64. Empty means that the host cannot be reached.
    package var hostKeys: [String]
    package var labels: [String: String]

    package init(
        name: String, address: String, port: Int = 22, user: String? = nil, identityFile: String? = nil,
        hostKeys: [String] = [], labels: [String: String] = [:]
    ) {
        self.name = name
        self.address = address
        self.port = port
        self.user = user
        self.identityFile = identityFile
        self.hostKeys = hostKeys
        self.labels = labels
    }

    /// What a flow sees of it, as the element of a map.
    package var value: JSON {
        var members: [String: JSON] = [
            "name": .string(name), "address": .string(address), "port": .int(port),
            "labels": .object(labels.mapValues(JSON.string)),
        ]
        if let user { members["user"] = .string(user) }
        return .object(members)
    }
}

extension Host {
    /// An address with its port, as one reads and types it: `10.0.0.1:22`, `[::1]:22`.
    package static func place(_ address: String, _ port: Int) -> String {
        address.contains(":") ? "[\(bare(address))]:\(port)" : "\(address):\(port)"
    }

    /// `[::1]` is `::1`, as one writes it before a port.
    package static func bare(_ address: String) -> String {
        address.hasPrefix("[") && address.hasSuffix("]") && address.contains(":") ? String(address.dropFirst().dropLast()) : address
    }
}
