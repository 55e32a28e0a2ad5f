package import FlowModel

/// Changes an inventory file line by line: what is not changed, comments included, stays as it is written.
///
/// Each change is written as a whole file or not at all, and only if what comes out reads as the old inventory with it.
package struct InventoryEditor: Sendable {
    package let path: String

    package init(path: String) { self.path = path }

    /// Adds the hosts, in order, at the end of those that are there; makes the file if there is none. Gives what the file then says.
    ///
    /// A host that is there at the same address takes the new keys in place of its own: that is how a key that changed, or was never
    /// known, is accepted. Throws `conflict` for a name that stands for another address; then no host is added.
    @discardableResult
    package func add(_ hosts: [Host]) throws(FlowError) -> Inventory {
        let file = try current()
        var after = file.inventory.hosts
        var positions = Dictionary(uniqueKeysWithValues: after.enumerated().map { ($1.name, $0) })
        var (changed, added): ([String: Host], [Host]) = ([:], [])
        for var host in hosts {
            host.address = Host.bare(host.address)
            guard let position = positions[host.name] else {
                positions[host.name] = after.count
                after.append(host)
                added.append(host)
                continue
            }
            let known = after[position]
            guard position < file.inventory.hosts.count, known.address == host.address, known.port == host.port, !host.hostKeys.isEmpty else {
                throw FlowError(
                    .conflict, subject: host.name,
                    "Host '\(host.name)' was not added: it is in \(path) already, at \(known.address) port \(known.port).",
                    hint: "flowctl hosts \(host.name)")
            }
            after[position] = known.taking(host)
            if after[position] != known { changed[host.name] = after[position] }
        }
        return try write(
            { text throws(FlowError) in
                if !changed.isEmpty { try text.replace(changed) }
                if !added.isEmpty { try text.add(added) }
            }, expecting: after, over: file)
    }

    @discardableResult
    package func add(_ host: Host) throws(FlowError) -> Inventory { try add([host]) }

    /// Adds the keys to their hosts. The lines of a host that gets keys are written anew, in one line.
    @discardableResult
    package func apply(_ additions: [KnownHosts.Import.Addition]) throws(FlowError) -> Inventory {
        let file = try current()
        var hosts = file.inventory.hosts
        let keys = Dictionary(grouping: additions, by: \.host).mapValues { $0.map(\.key.text) }
        var changed: [String: Host] = [:]
        for index in hosts.indices {
            for key in keys[hosts[index].name] ?? [] where !hosts[index].hostKeys.contains(key) {
                hosts[index].hostKeys.append(key)
                changed[hosts[index].name] = hosts[index]
            }
        }
        return try write({ text throws(FlowError) in try text.replace(changed) }, expecting: hosts, over: file)
    }

    // MARK: -

    private struct Content {
        var text: String
        var inventory: Inventory
        var layout: InventoryLayout
    }

    private func current() throws(FlowError) -> Content {
        let text = try currentText()
        var reader = InventoryReader(file: path)
        let inventory = try reader.read(text)
        return Content(text: text, inventory: inventory, layout: reader.layout)
    }

    private func currentText() throws(FlowError) -> String {
        do throws(FlowError) {
            return try InventoryFile.read(path)
        } catch {
            if error.code == .notFound { return "" }
            throw error
        }
    }

    private func write(
        _ change: (inout InventoryText) throws(FlowError) -> Void, expecting hosts: [Host], over old: Content
    ) throws(FlowError) -> Inventory {
        guard hosts != old.inventory.hosts else { return old.inventory }
        var text = InventoryText(old.text, old.layout, path)
        try change(&text)
        // A value that the file cannot hold, such as a bad address, is the caller's fault: said as for any file.
        let inventory = try Inventory.parse(text.text, file: path)
        guard inventory.hosts == hosts, inventory.groups == old.inventory.groups else {
            throw FlowError(
                .internal, subject: path,
                "\(path) was not changed: the new text does not read as the inventory that was meant.",
                hint: "edit \(path) by hand")
        }
        guard try currentText() == old.text else {
            throw FlowError(.conflict, subject: path, "\(path) was not changed: somebody else changed it meanwhile. Try again.")
        }
        try InventoryFile.write(text.text, to: path)
        return inventory
    }
}

extension Host {
    /// The keys are those that were just confirmed, and no others; of the rest what is given.
    fileprivate func taking(_ host: Host) -> Host {
        var changed = self
        changed.hostKeys = host.hostKeys
        changed.user = host.user ?? user
        changed.identityFile = host.identityFile ?? identityFile
        changed.labels.merge(host.labels) { $1 }
        return changed
    }
}

/// An inventory file as lines, with the places of its hosts.
private struct InventoryText {
    private var lines: YAMLLines
    private let layout: InventoryLayout
    private let path: String

    init(_ text: String, _ layout: InventoryLayout, _ path: String) {
        lines = YAMLLines(text)
        self.layout = layout
        self.path = path
    }

    var text: String { lines.text }

    mutating func add(_ hosts: [Host]) throws(FlowError) {
        let indent = String(repeating: " ", count: layout.hosts.first?.column ?? 2)
        let entries = hosts.map { indent + InventoryText.line($0) }
        guard let hostsLine = layout.hostsLine else {
            if lines.lines.contains(where: { $0.content.hasPrefix("{") || $0.content.hasPrefix("...") }) { throw needsBlocks() }
            return lines.insert(["hosts:"] + entries, at: lines.count)
        }
        guard !layout.hosts.isEmpty else {
            guard lines[hostsLine].hasPrefix("hosts:") else { throw needsBlocks() }
            return lines.replace(hostsLine..<hostsLine + 1, with: ["hosts:"] + entries)
        }
        try requireBlocks()
        lines.insert(entries, at: end(ofHost: layout.hosts.count - 1))
    }

    /// Hosts by name. Places of other lines must be as they were when the text was read: this comes first.
    mutating func replace(_ changed: [String: Host]) throws(FlowError) {
        try requireBlocks()
        // From the end, so that lines before keep their place.
        for (index, place) in layout.hosts.enumerated().reversed() {
            guard let host = changed[place.name] else { continue }
            let entry = String(repeating: " ", count: place.column) + InventoryText.line(host)
            lines.replace(place.line..<end(ofHost: index), with: [entry])
        }
    }

    private func requireBlocks() throws(FlowError) {
        let areApart = zip(layout.hosts, layout.hosts.dropFirst()).allSatisfy { $0.line < $1.line }
        guard !layout.isFlow, areApart, layout.hosts.first?.line != layout.hostsLine else { throw needsBlocks() }
    }

    private func needsBlocks() -> FlowError {
        FlowError(
            .conflict, subject: path,
            "\(path) was not changed: its hosts are not written one below the other, so they cannot be edited line by line.",
            hint: "write 'hosts:' with one host a line, or edit \(path) by hand")
    }

    /// The line after the last that belongs to the host: comments and empty lines before what follows belong to that.
    private func end(ofHost index: Int) -> Int {
        let start = layout.hosts[index].line
        var end: Int
        if index + 1 < layout.hosts.count {
            end = layout.hosts[index + 1].line
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

    /// A host in one line.
    private static func line(_ host: Host) -> String {
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

    /// JSON's quoted strings are YAML's, but for the characters that end a line there or that a file cannot have.
    private static func quoted(_ text: String) -> String {
        var quoted = ""
        for scalar in JSON.string(text).canonical.unicodeScalars {
            switch scalar.value {
            case 0x7F...0x9F, 0x2028, 0x2029, 0xFEFF, 0xFFFE, 0xFFFF:
                let digits = String(scalar.value, radix: 16)
                quoted += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: quoted.unicodeScalars.append(scalar)
            }
        }
        return quoted
    }
}
