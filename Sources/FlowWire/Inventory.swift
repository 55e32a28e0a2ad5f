package import FlowModel

extension Wire {
    /// A host of the inventory.
    package struct Host: Codable, Equatable, Sendable {
        package var name: String
        package var address: String
        package var port: Int?
        package var user: String?
        package var identityFile: String?
        /// Accepted keys, each as in `known_hosts`: type and base64.
        package var hostKeys: [String]?
        package var labels: [String: String]?

        package init(
            name: String, address: String, port: Int? = nil, user: String? = nil, identityFile: String? = nil,
            hostKeys: [String]? = nil, labels: [String: String]? = nil
        ) {
            self.name = name
            self.address = address
            self.port = port
            self.user = user
            self.identityFile = identityFile
            self.hostKeys = hostKeys
            self.labels = labels
        }
    }

    /// `GET /v1/inventory`: a page of hosts, and of each group those of its members that are on the page. `next`, when present, is the `after`
    /// of the next page.
    package struct Inventory: Codable, Equatable, Sendable {
        package var hosts: [Host]
        package var next: String?
        package var groups: [String: [String]]
        /// The path of the file that says so, on the engine's machine.
        package var file: String

        package init(hosts: [Host], groups: [String: [String]], file: String) {
            self.hosts = hosts
            self.groups = groups
            self.file = file
        }
    }

    /// `PUT /v1/inventory/hosts`: several at once, all of them or none.
    package struct Hosts: Codable, Equatable, Sendable {
        package var hosts: [Host]

        package init(hosts: [Host]) { self.hosts = hosts }
    }

    /// `POST /v1/inventory/scan`: asks a machine for its keys, without logging in.
    package struct Scan: Codable, Equatable, Sendable {
        package var address: String
        package var port: Int?

        package init(address: String, port: Int? = nil) {
            self.address = address
            self.port = port
        }
    }

    /// A key that a machine showed or a file named. It is nobody's proof: a person compares the fingerprint.
    package struct HostKey: Codable, Equatable, Sendable {
        /// Type and base64, as `Host.hostKeys` takes it.
        package var key: String
        package var type: String
        /// `SHA256:…`
        package var fingerprint: String
        /// The host of the inventory that it belongs to, when known.
        package var host: String?
        /// The host has another key of this type: it was changed, or somebody is in between. Look twice.
        package var isChanged: Bool?

        package init(key: String, type: String, fingerprint: String, host: String? = nil, isChanged: Bool? = nil) {
            self.key = key
            self.type = type
            self.fingerprint = fingerprint
            self.host = host
            self.isChanged = isChanged
        }
    }

    /// `POST /v1/inventory/known-hosts`: keys of hosts that are in the inventory, from the text of a `known_hosts` file.
    package struct KnownHosts: Codable, Equatable, Sendable {
        package var text: String
        /// Shows what would be taken and changes nothing.
        package var dryRun: Bool?

        package init(text: String, dryRun: Bool? = nil) {
            self.text = text
            self.dryRun = dryRun
        }
    }

    /// What `known-hosts` took, and the lines that it left, each with the reason.
    package struct KnownHostsResult: Codable, Equatable, Sendable {
        package var imported: [HostKey]
        package var skipped: [FlowError.Detail]

        package init(imported: [HostKey], skipped: [FlowError.Detail]) {
            self.imported = imported
            self.skipped = skipped
        }
    }

    /// `POST /v1/inventory/ping`.
    package struct Ping: Codable, Equatable, Sendable {
        package var selector: String

        package init(selector: String) { self.selector = selector }
    }

    /// Whether a host could be logged into and ran a command.
    package struct PingResult: Codable, Equatable, Sendable {
        package var host: String
        package var ok: Bool
        package var tookSeconds: Double
        /// Why not.
        package var message: String?

        package init(host: String, ok: Bool, tookSeconds: Double, message: String? = nil) {
            self.host = host
            self.ok = ok
            self.tookSeconds = tookSeconds
            self.message = message
        }
    }
}
