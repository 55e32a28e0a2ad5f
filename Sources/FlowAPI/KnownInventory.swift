package import FlowModel
package import FlowWire

/// What is known of hosts now.
package struct KnownInventory: Sendable {
    package var hosts: [Host]
    package var groups: [String: [String]]
    /// The path of the file that says so.
    package var file: String

    package init(hosts: [Host], groups: [String: [String]], file: String) {
        self.hosts = hosts
        self.groups = groups
        self.file = file
    }
}

extension Wire.Host {
    package init(_ host: Host) {
        self.init(
            name: host.name, address: host.address, port: host.port, user: host.user, identityFile: host.identityFile,
            hostKeys: host.hostKeys.isEmpty ? nil : host.hostKeys, labels: host.labels.isEmpty ? nil : host.labels)
    }
}
