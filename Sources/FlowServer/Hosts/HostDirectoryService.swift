import FlowAPI
import FlowInventory
import FlowModel
import FlowStoreSQLite
import FlowWire

/// The routes about hosts: the inventory file behind them, and the reach of the hands.
struct HostDirectoryService: HostDirectory {
    let inventoryService: InventoryService
    let reach: HostReach
    let audit: Audit

    func inventory() async throws -> KnownInventory {
        let inventory = try await inventoryService.current()
        return KnownInventory(hosts: inventory.hosts, groups: inventory.groups, file: inventoryService.file)
    }

    func hosts(matching selector: String) async throws -> [Host] {
        try await inventoryService.current().resolve(selector)
    }

    func add(_ hosts: [Wire.Host], by actor: Actor) async throws -> [Wire.Host] {
        let added = try hosts.map { try HostDirectoryService.host($0) }
        try await inventoryService.edit { _ = try $0.add(added) }
        if let host = added.first, added.count == 1 {
            try await audit.append(
                AuditEntry(
                    at: Wall.now(), actor: actor.user, verb: "inventory.add", subject: host.name,
                    detail: ["address": .string(host.address), "hostKeys": .array(host.hostKeys.map(JSON.string))]))
        } else if !added.isEmpty {
            let rows = added.map { JSON.string(([$0.name, $0.address] + $0.hostKeys).joined(separator: " ")) }
            try await audit.append(
                AuditEntry(
                    at: Wall.now(), actor: actor.user, verb: "inventory.add", subject: "\(added.count) hosts", detail: ["hosts": .array(rows)]))
        }
        return added.map { Wire.Host($0) }
    }

    private static func host(_ host: Wire.Host) throws(FlowError) -> Host {
        var keys: [String] = []
        for text in host.hostKeys ?? [] { keys.append(try key(text, of: host.name)) }
        if let file = host.identityFile, !file.hasPrefix("/"), !file.hasPrefix("~/") {
            throw FlowError(
                .usage, subject: "identityFile",
                "Host '\(host.name)' was not added: its identityFile '\(file)' is no absolute path, and the engine has no folder to begin from.",
                hint: "Give the path on the engine's machine, such as /home/ops/.ssh/id_ed25519 or ~/.ssh/id_ed25519.")
        }
        return Host(
            name: host.name, address: Host.bare(host.address), port: host.port ?? 22, user: host.user, identityFile: host.identityFile,
            hostKeys: keys, labels: host.labels ?? [:])
    }

    func scan(_ request: Wire.Scan) async throws -> [Wire.HostKey] {
        try await reach.scan(address: Host.bare(request.address), port: request.port ?? 22)
    }

    func importKnownHosts(_ request: Wire.KnownHosts, by actor: Actor) async throws -> Wire.KnownHostsResult {
        let changes = try KnownHosts(request.text).changes(for: try await inventoryService.current())
        if request.dryRun != true, !changes.additions.isEmpty {
            try await inventoryService.edit { _ = try $0.apply(changes.additions) }
            let keys = changes.additions.map { JSON.string("\($0.host) \($0.key.text)") }
            try await audit.append(
                AuditEntry(
                    at: Wall.now(), actor: actor.user, verb: "inventory.import", subject: "known_hosts",
                    detail: ["keys": .array(keys)]))
        }
        return Wire.KnownHostsResult(changes)
    }

    func ping(_ selector: String) async throws -> [Wire.PingResult] {
        await reach.ping(try await inventoryService.current().resolve(selector))
    }

    private static func key(_ text: String, of host: String) throws(FlowError) -> String {
        do throws(HostKey.Fault) {
            return try HostKey(text).text
        } catch {
            throw FlowError(.usage, subject: "hostKeys", "Host '\(host)' was not added: \(error.message).")
        }
    }
}

extension Wire.KnownHostsResult {
    fileprivate init(_ changes: KnownHosts.Import) {
        var skipped = changes.skipped.map { FlowError.Detail(subject: "line \($0.line)", message: $0.reason) }
        skipped += changes.revoked.map {
            FlowError.Detail(
                subject: $0.host,
                message: "the file revokes \($0.key.fingerprint), which the inventory accepts: remove it there")
        }
        skipped += changes.stillUnknown.map { FlowError.Detail(subject: $0, message: "the file has no key for it") }
        self.init(
            imported: changes.additions.map {
                Wire.HostKey(
                    key: $0.key.text, type: $0.key.type, fingerprint: $0.key.fingerprint, host: $0.host,
                    isChanged: $0.replacesType ? true : nil)
            }, skipped: skipped)
    }
}
