package import FlowModel
internal import Yams

/// Changes an inventory file line by line: what is not changed, comments included, stays as it is written.
///
/// Each change is written as a whole file or not at all, and only if what comes out reads as the old inventory with it.
package struct InventoryEditor: Sendable {
    package let path: String

    package init(path: String) { self.path = path }

    /// Adds the host at the end of the hosts; makes the file if there is none.
    ///
    /// A host that is there at the same address takes the new keys in place of its own: that is how a key that changed, or was never
    /// known, is accepted. Throws `conflict` for a name that stands for another address.
    package func add(_ host: Host) throws(FlowError) {
        let text = try current()
        let before = try Inventory.parse(text, file: path)
        if let known = before.host(named: host.name) {
            guard known.address == host.address, known.port == host.port, !host.hostKeys.isEmpty else {
                throw FlowError(
                    .conflict, subject: host.name,
                    "Host '\(host.name)' was not added: it is in \(path) already, at \(known.address) port \(known.port).",
                    hint: "flowctl hosts \(host.name)")
            }
            return try replace(known, with: host, in: before, text)
        }
        let after = Inventory(hosts: before.hosts + [host], groups: before.groups)
        try write(try InventoryText(text, path).adding(host), expecting: after, over: text)
    }

    /// The keys are those that were just confirmed, and no others; of the rest what is given.
    private func replace(_ known: Host, with host: Host, in before: Inventory, _ text: String) throws(FlowError) {
        var changed = known
        changed.hostKeys = host.hostKeys
        changed.user = host.user ?? known.user
        changed.identityFile = host.identityFile ?? known.identityFile
        changed.labels.merge(host.labels) { $1 }
        guard changed != known else { return }
        let after = Inventory(hosts: before.hosts.map { $0.name == known.name ? changed : $0 }, groups: before.groups)
        try write(try InventoryText(text, path).replacing([changed]), expecting: after, over: text)
    }

    /// Adds the keys to their hosts. The lines of a host that gets keys are written anew, in one line.
    package func apply(_ additions: [KnownHosts.Import.Addition]) throws(FlowError) {
        guard !additions.isEmpty else { return }
        let text = try current()
        let before = try Inventory.parse(text, file: path)
        var hosts = before.hosts
        for index in hosts.indices {
            let keys = additions.filter { $0.host == hosts[index].name }.map(\.key.text)
            for key in keys where !hosts[index].hostKeys.contains(key) { hosts[index].hostKeys.append(key) }
        }
        let changed = zip(before.hosts, hosts).filter { $0 != $1 }.map(\.1)
        guard !changed.isEmpty else { return }
        try write(
            try InventoryText(text, path).replacing(changed), expecting: Inventory(hosts: hosts, groups: before.groups),
            over: text)
    }

    private func current() throws(FlowError) -> String {
        do throws(FlowError) {
            return try InventoryFile.read(path)
        } catch {
            if error.code == .notFound { return "" }
            throw error
        }
    }

    private func write(_ text: String, expecting inventory: Inventory, over old: String) throws(FlowError) {
        // A value that the file cannot hold, such as a bad address, is the caller's fault: said as for any file.
        guard try Inventory.parse(text, file: path) == inventory else {
            throw FlowError(
                .internal, subject: path,
                "\(path) was not changed: the new text does not read as the inventory that was meant.",
                hint: "edit \(path) by hand")
        }
        guard try current() == old else {
            throw FlowError(.conflict, subject: path, "\(path) was not changed: somebody else changed it meanwhile. Try again.")
        }
        try InventoryFile.write(text, to: path)
    }
}

/// An inventory file as lines, with the places of its hosts.
private struct InventoryText {
    private var lines: [Substring]
    private let path: String
    /// The line of the key `hosts`, and of each host's name, from 0; nil when there is no such key.
    private var hostsLine: Int?
    private var hosts: [(name: String, line: Int, column: Int)] = []
    private var isFlow = false

    init(_ text: String, _ path: String) throws(FlowError) {
        self.path = path
        lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        if lines.last?.isEmpty == true { lines.removeLast() }
        do {
            guard let root = try compose(yaml: text)?.mapping, let entry = root.first(where: { $0.key.string == "hosts" })
            else {
                return
            }
            hostsLine = (entry.key.mark?.line ?? 1) - 1
            guard let mapping = entry.value.mapping else { return }
            isFlow = mapping.style == .flow
            hosts = mapping.map { ($0.key.string ?? "", ($0.key.mark?.line ?? 1) - 1, ($0.key.mark?.column ?? 1) - 1) }
        } catch {
            throw FlowError(.load, subject: path, "\(path) was not read: \(error)")
        }
    }

    func adding(_ host: Host) throws(FlowError) -> String {
        var lines = lines
        let indent = hosts.first?.column ?? 2
        let entry = String(repeating: " ", count: indent) + InventoryText.line(host)
        if let hostsLine {
            guard !hosts.isEmpty else {
                guard lines[hostsLine].hasPrefix("hosts:") else { throw needsBlocks() }
                lines[hostsLine] = "hosts:"
                lines.insert(entry[...], at: hostsLine + 1)
                return InventoryText.joined(lines)
            }
            try requireBlocks()
            lines.insert(entry[...], at: end(ofHost: hosts.count - 1))
        } else {
            if lines.contains(where: { $0.hasPrefix("{") || $0.hasPrefix("...") }) { throw needsBlocks() }
            lines += ["hosts:", entry[...]]
        }
        return InventoryText.joined(lines)
    }

    func replacing(_ changed: [Host]) throws(FlowError) -> String {
        try requireBlocks()
        var lines = lines
        // From the end, so that lines before keep their place.
        for (index, place) in hosts.enumerated().reversed() {
            guard let host = changed.first(where: { $0.name == place.name }) else { continue }
            let entry = String(repeating: " ", count: place.column) + InventoryText.line(host)
            lines.replaceSubrange(place.line..<end(ofHost: index), with: [entry[...]])
        }
        return InventoryText.joined(lines)
    }

    private func requireBlocks() throws(FlowError) {
        let areApart = zip(hosts, hosts.dropFirst()).allSatisfy { $0.line < $1.line }
        guard !isFlow, areApart, hosts.first?.line != hostsLine else { throw needsBlocks() }
    }

    private func needsBlocks() -> FlowError {
        FlowError(
            .conflict, subject: path,
            "\(path) was not changed: its hosts are not written one below the other, so they cannot be edited line by line.",
            hint: "write 'hosts:' with one host a line, or edit \(path) by hand")
    }

    /// The line after the last that belongs to the host: comments and empty lines before what follows belong to that.
    private func end(ofHost index: Int) -> Int {
        let start = hosts[index].line
        var end: Int
        if index + 1 < hosts.count {
            end = hosts[index + 1].line
        } else {
            end = start + 1
            while end < lines.count, lines[end].isEmpty || lines[end].first == " " || lines[end].first == "#" { end += 1 }
        }
        while end > start + 1,
            lines[end - 1].allSatisfy({ $0 == " " }) || lines[end - 1].drop(while: { $0 == " " }).first == "#"
        {
            end -= 1
        }
        return end
    }

    /// A host in one line. JSON's quoted strings are YAML's.
    private static func line(_ host: Host) -> String {
        func quoted(_ text: String) -> String { JSON.string(text).canonical }
        var parts = ["address: \(quoted(host.address))"]
        if host.port != 22 { parts.append("port: \(host.port)") }
        if let user = host.user { parts.append("user: \(quoted(user))") }
        if let file = host.identityFile { parts.append("identityFile: \(quoted(file))") }
        if !host.hostKeys.isEmpty { parts.append("hostKeys: [\(host.hostKeys.map(quoted).joined(separator: ", "))]") }
        if !host.labels.isEmpty {
            let labels = host.labels.sorted { $0.key < $1.key }.map { "\(quoted($0.key)): \(quoted($0.value))" }
            parts.append("labels: {\(labels.joined(separator: ", "))}")
        }
        return "\(quoted(host.name)): {\(parts.joined(separator: ", "))}"
    }

    private static func joined(_ lines: [Substring]) -> String { lines.joined(separator: "\n") + "\n" }
}
