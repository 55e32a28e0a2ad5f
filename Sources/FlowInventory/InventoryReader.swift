internal import FlowModel
internal import Yams

/// Reads an inventory file strictly: an unknown key, a wrong type or a bad name is a fault, never ignored.
///
///     hosts:
///       web-1: {address: 127.0.10.1, port: 2222, user: ops, hostKey: "ssh-ed25519 …", labels: {role: web}}
///     groups:
///       web: [web-1]
struct InventoryReader {
    let file: String
    private var faults: [FlowError.Detail] = []

    init(file: String) { self.file = file }

    mutating func read(_ text: String) throws(FlowError) -> Inventory {
        guard text.utf8.count <= InventoryLimits.fileBytes else {
            throw FlowError(
                .tooLarge, subject: file, "\(file) was not read: it has more than \(InventoryLimits.fileBytes) bytes.")
        }
        if let line = YAMLAliases.firstLine(in: text) {
            fault("YAML", "anchors and aliases (& and *) are not supported; quote a text that begins so", line)
            throw failure()
        }
        var root: YAMLNode?
        do {
            root = try compose(yaml: text)
        } catch {
            note(error, text)
            throw failure()
        }
        let inventory = root.map { self.inventory($0) } ?? Inventory.empty
        guard faults.isEmpty else { throw failure() }
        return inventory
    }

    // MARK: - Faults

    private mutating func fault(_ subject: String, _ message: String, _ line: Int?) {
        faults.append(.init(subject: subject, message: message, location: line.map { "\(file):\($0)" } ?? file))
    }

    private func failure() -> FlowError {
        let count = faults.count
        let shown = Array(faults.prefix(InventoryLimits.faults))
        let more = count > shown.count ? ", of which the first \(shown.count) are listed" : ""
        return FlowError(
            .load, subject: file, "The inventory \(file) was not read: it has \(count) fault\(count == 1 ? "" : "s")\(more).",
            errors: shown)
    }

    private mutating func note(_ error: any Error, _ text: String) {
        switch error {
        case YamlError.scanner(_, let problem, let mark, _), YamlError.parser(_, let problem, let mark, _),
            YamlError.composer(_, let problem, let mark, _):
            fault("YAML", problem, mark.line)
        case YamlError.duplicatedKeysInMapping(let names, let context):
            for name in names {
                fault(name, "stands twice", line(ofSecond: name, in: text, from: context.mark.line))
            }
        case YamlError.reader(let problem, _, _, _): fault("YAML", problem, nil)
        default: fault("YAML", "\(error)", nil)
        }
    }

    /// The parser names the line of the mapping; the second key is what must be looked at.
    private func line(ofSecond name: String, in text: String, from first: Int) -> Int {
        var seen = 0
        for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() where index + 1 >= first {
            let trimmed = line.drop { $0 == " " || $0 == "\"" || $0 == "'" }
            guard trimmed.hasPrefix(name), trimmed.dropFirst(name.count).drop(while: { "\"' ".contains($0) }).first == ":"
            else {
                continue
            }
            seen += 1
            if seen == 2 { return index + 1 }
        }
        return first
    }

    // MARK: - The file

    private mutating func inventory(_ root: YAMLNode) -> Inventory {
        if root.isNull { return .empty }
        guard let members = self.members(root, "the file") else { return .empty }
        var hosts: [Host] = []
        var groups: [String: [String]] = [:]
        for (key, value) in members {
            switch key.text {
            case "hosts": hosts = readHosts(value)
            case "groups": groups = readGroups(value)
            default: unknown(key, among: ["groups", "hosts"], of: "the file")
            }
        }
        let inventory = Inventory(hosts: hosts, groups: groups)
        if let groups = members.first(where: { $0.key.text == "groups" })?.value.mapping {
            check(groups.map { ($0.key, $0.value) }, inventory)
        }
        return inventory
    }

    private mutating func readHosts(_ node: YAMLNode) -> [Host] {
        if node.isNull { return [] }
        guard let members = self.members(node, "hosts") else { return [] }
        if members.count > InventoryLimits.hosts {
            fault("hosts", "are \(members.count), at most \(InventoryLimits.hosts) are allowed", node.mark?.line)
            return []
        }
        return members.compactMap { key, value in
            guard let name = self.name(key, "host") else { return nil }
            return readHost(name, value)
        }
    }

    private mutating func readHost(_ name: String, _ node: YAMLNode) -> Host? {
        guard let members = self.members(node, "host '\(name)'") else { return nil }
        var host = Host(name: name, address: "")
        for (key, value) in members {
            let subject = "\(name).\(key.text ?? "")"
            switch key.text {
            case "address": host.address = text(value, subject, HostRules.address) ?? host.address
            case "port": host.port = port(value, subject) ?? host.port
            case "user": host.user = text(value, subject, HostRules.user)
            case "identityFile": host.identityFile = text(value, subject, HostRules.path)
            case "hostKey": host.hostKeys += [hostKey(value, subject)].compactMap { $0 }
            case "hostKeys":
                for element in elements(value, subject) ?? [] { host.hostKeys += [hostKey(element, subject)].compactMap { $0 } }
            case "labels": host.labels = labels(value, subject)
            default:
                unknown(
                    key, among: ["address", "hostKey", "hostKeys", "identityFile", "labels", "port", "user"],
                    of: "host '\(name)'")
            }
        }
        let keys = members.compactMap(\.key.text)
        if !keys.contains("address") { fault(name, "has no address", node.mark?.line) }
        if keys.contains("hostKey"), keys.contains("hostKeys") {
            fault(name, "has both hostKey and hostKeys; put all into hostKeys", node.mark?.line)
        }
        if host.hostKeys.count > InventoryLimits.hostKeys {
            fault(
                name, "has \(host.hostKeys.count) host keys, at most \(InventoryLimits.hostKeys) are allowed", node.mark?.line)
        }
        return host
    }

    private mutating func labels(_ node: YAMLNode, _ subject: String) -> [String: String] {
        guard let members = self.members(node, subject) else { return [:] }
        if members.count > InventoryLimits.labels {
            fault(subject, "are \(members.count), at most \(InventoryLimits.labels) are allowed", node.mark?.line)
        }
        var labels: [String: String] = [:]
        for (key, value) in members {
            guard let name = key.text, HostRules.label(name) == nil else {
                fault(subject, HostRules.label(key.text ?? "") ?? "a label's name must be a text", key.mark?.line)
                continue
            }
            labels[name] = text(value, "\(subject).\(name)", HostRules.value)
        }
        return labels
    }

    private mutating func readGroups(_ node: YAMLNode) -> [String: [String]] {
        if node.isNull { return [:] }
        guard let members = self.members(node, "groups") else { return [:] }
        if members.count > InventoryLimits.groups {
            fault("groups", "are \(members.count), at most \(InventoryLimits.groups) are allowed", node.mark?.line)
        }
        var groups: [String: [String]] = [:]
        for (key, value) in members {
            guard let name = self.name(key, "group") else { continue }
            groups[name] = (elements(value, "group '\(name)'") ?? []).compactMap(\.text)
        }
        return groups
    }

    /// Members must exist and stand once: checked when all hosts are known.
    private mutating func check(_ groups: [(key: YAMLNode, value: YAMLNode)], _ inventory: Inventory) {
        for (key, value) in groups {
            let subject = "group '\(key.text ?? "")'"
            var seen = Set<String>()
            for element in Array(value.sequence ?? []) {
                guard let name = element.text else {
                    fault(subject, "lists something that is not a name", element.mark?.line)
                    continue
                }
                if inventory.position(of: name) == nil {
                    let near = nearestNames(to: name, in: inventory.hosts.lazy.map(\.name))
                    let guess = near.isEmpty ? "" : ". Did you mean \(near.map { "'\($0)'" }.joined(separator: " or "))?"
                    fault(subject, "lists '\(name)', which is not a host\(guess)", element.mark?.line)
                }
                if !seen.insert(name).inserted { fault(subject, "lists '\(name)' twice", element.mark?.line) }
            }
        }
    }

    // MARK: - Values

    private mutating func members(_ node: YAMLNode, _ subject: String) -> [(key: YAMLNode, value: YAMLNode)]? {
        guard let mapping = node.mapping else {
            fault(subject, "must be a mapping (NAME: VALUE), not \(node.typeName)", node.mark?.line)
            return nil
        }
        return mapping.map { ($0.key, $0.value) }
    }

    private mutating func elements(_ node: YAMLNode, _ subject: String) -> [YAMLNode]? {
        guard let sequence = node.sequence else {
            fault(subject, "must be a list, not \(node.typeName)", node.mark?.line)
            return nil
        }
        return Array(sequence)
    }

    private mutating func unknown(_ key: YAMLNode, among names: [String], of subject: String) {
        let name = key.text ?? key.typeName
        let near = nearestNames(to: name, in: names)
        let guess = near.first.map { " Did you mean '\($0)'?" } ?? ""
        fault(subject, "has no key '\(name)'.\(guess) Keys: \(names.joined(separator: ", "))", key.mark?.line)
    }

    private mutating func name(_ key: YAMLNode, _ what: String) -> String? {
        guard let name = key.text else {
            fault(what, "a \(what)'s name must be a text, not \(key.typeName)", key.mark?.line)
            return nil
        }
        if let problem = HostRules.name(name) {
            fault("\(what) '\(name)'", problem, key.mark?.line)
            return nil
        }
        return name
    }

    private mutating func text(_ node: YAMLNode, _ subject: String, _ rule: (String) -> String?) -> String? {
        guard let text = node.text else {
            fault(subject, "must be a text, not \(node.typeName)", node.mark?.line)
            return nil
        }
        guard let problem = rule(text) else { return text }
        fault(subject, problem, node.mark?.line)
        return nil
    }

    private mutating func port(_ node: YAMLNode, _ subject: String) -> Int? {
        if let text = node.text, node.scalar?.style == .plain || node.scalar?.style == .any, let port = Int(text),
            (1...65_535).contains(port)
        {
            return port
        }
        fault(
            subject, "must be a whole number from 1 to 65535, not \(node.text.map { "'\($0)'" } ?? node.typeName)",
            node.mark?.line)
        return nil
    }

    private mutating func hostKey(_ node: YAMLNode, _ subject: String) -> String? {
        guard let text = self.text(node, subject, { _ in nil }) else { return nil }
        do throws(HostKey.Fault) {
            return try HostKey(text).text
        } catch {
            fault(subject, error.message, node.mark?.line)
            return nil
        }
    }
}
