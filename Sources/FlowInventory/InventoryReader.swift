internal import FlowModel

/// Where the hosts of a file stand, for the editor.
struct InventoryLayout {
    struct Place {
        var name: String
        /// Lines before that of the name.
        var line: Int
        /// Characters before the name on its line.
        var column: Int
    }

    /// Lines before that of the key `hosts`; nil when there is none.
    var hostsLine: Int?
    var hosts: [Place] = []
    /// Hosts stand in brackets.
    var isFlow = false
}

/// Reads an inventory file strictly: an unknown key, a wrong type or a bad name is a fault, never ignored.
///
///     hosts:
///       web-1: {address: 127.0.10.1, port: 2222, user: ops, hostKey: "ssh-ed25519 …", labels: {role: web}}
///     groups:
///       web: [web-1]
///
/// One host after the other is read and made; the document is never in memory as a whole.
struct InventoryReader {
    let file: String
    private(set) var layout = InventoryLayout()
    private var faults: [FlowError.Detail] = []
    private var texts = SharedTexts()

    init(file: String) { self.file = file }

    mutating func read(_ text: String) throws(FlowError) -> Inventory {
        guard text.utf8.count <= InventoryLimits.fileBytes else {
            throw FlowError(
                .tooLarge, subject: file, "\(file) was not read: it has more than \(InventoryLimits.fileBytes) bytes.")
        }
        var inventory = Inventory.empty
        do throws(YAMLFault) {
            let events = YAMLEvents(WrittenText.withoutMark(text))
            inventory = try document(events)
        } catch {
            fault("YAML", error.message, error.line)
        }
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

    // MARK: - The file

    private mutating func document(_ events: YAMLEvents) throws(YAMLFault) -> Inventory {
        let first = try events.next()
        if case .nothing = first { return .empty }
        guard case .mapping = first else {
            if let node = try events.node(from: first), !node.isNull { _ = members(node, "the file") }
            try events.finish()
            return .empty
        }
        var (hosts, groups): ([Host], YAMLNode?) = ([], nil)
        var names = Set<String>()
        while let key = try events.node() {
            checkTwice(key, &names)
            switch key.text {
            case "hosts":
                layout.hostsLine = key.line - 1
                hosts = try readHosts(events)
            case "groups": groups = try events.node()
            default:
                unknown(key, among: ["groups", "hosts"], of: "the file")
                _ = try events.node()
            }
        }
        try events.finish()
        let inventory = Inventory(hosts: hosts, groups: groups.map { readGroups($0) } ?? [:])
        if let groups = groups?.mapping { check(groups, inventory) }
        return inventory
    }

    private mutating func readHosts(_ events: YAMLEvents) throws(YAMLFault) -> [Host] {
        let first = try events.next()
        guard case .mapping(let line, _, let isFlow) = first else {
            if let node = try events.node(from: first), !node.isNull { _ = members(node, "hosts") }
            return []
        }
        layout.isFlow = isFlow
        var hosts: [Host] = []
        var (names, count) = (Set<String>(), 0)
        while let key = try events.node(), let value = try events.node() {
            count += 1
            guard count <= InventoryLimits.hosts else { continue }
            layout.hosts.append(.init(name: key.text ?? "", line: key.line - 1, column: key.column))
            checkTwice(key, &names)
            guard let name = self.name(key, "host"), let host = readHost(name, value) else { continue }
            hosts.append(host)
        }
        if count > InventoryLimits.hosts { fault("hosts", "are \(count), at most \(InventoryLimits.hosts) are allowed", line) }
        return hosts
    }

    private mutating func readHost(_ name: String, _ node: YAMLNode) -> Host? {
        guard let members = self.members(node, "host '\(name)'") else { return nil }
        var host = Host(name: name, address: "")
        for member in members {
            let (key, value) = (member.key, member.value)
            let subject = "\(name).\(key.text ?? "")"
            switch key.text {
            case "address": host.address = text(value, subject, HostRules.address).map(Host.bare) ?? host.address
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
        if !keys.contains("address") { fault(name, "has no address", node.line) }
        if keys.contains("hostKey"), keys.contains("hostKeys") {
            fault(name, "has both hostKey and hostKeys; put all into hostKeys", node.line)
        }
        if host.hostKeys.count > InventoryLimits.hostKeys {
            fault(
                name, "has \(host.hostKeys.count) host keys, at most \(InventoryLimits.hostKeys) are allowed", node.line)
        }
        return host
    }

    private mutating func labels(_ node: YAMLNode, _ subject: String) -> [String: String] {
        guard let members = self.members(node, subject) else { return [:] }
        if members.count > InventoryLimits.labels {
            fault(subject, "are \(members.count), at most \(InventoryLimits.labels) are allowed", node.line)
        }
        var labels: [String: String] = [:]
        for member in members {
            let (key, value) = (member.key, member.value)
            guard let name = key.text, HostRules.label(name) == nil else {
                fault(subject, HostRules.label(key.text ?? "") ?? "a label's name must be a text", key.line)
                continue
            }
            if let text = text(value, "\(subject).\(name)", HostRules.value) { labels[texts.shared(name)] = texts.shared(text) }
        }
        return texts.shared(labels)
    }

    private mutating func readGroups(_ node: YAMLNode) -> [String: [String]] {
        if node.isNull { return [:] }
        guard let members = self.members(node, "groups") else { return [:] }
        if members.count > InventoryLimits.groups {
            fault("groups", "are \(members.count), at most \(InventoryLimits.groups) are allowed", node.line)
        }
        var groups: [String: [String]] = [:]
        for member in members {
            let (key, value) = (member.key, member.value)
            guard let name = self.name(key, "group") else { continue }
            groups[name] = (elements(value, "group '\(name)'") ?? []).compactMap(\.text)
        }
        return groups
    }

    /// Members must exist and stand once: checked when all hosts are known.
    private mutating func check(_ groups: [YAMLNode.Member], _ inventory: Inventory) {
        for member in groups {
            let (key, value) = (member.key, member.value)
            let subject = "group '\(key.text ?? "")'"
            var seen = Set<String>()
            for element in value.sequence ?? [] {
                guard let name = element.text else {
                    fault(subject, "lists something that is not a name", element.line)
                    continue
                }
                if inventory.position(of: name) == nil {
                    // Looked for among all hosts: for those faults that are listed only.
                    let near = faults.count < InventoryLimits.faults ? nearestNames(to: name, in: inventory.hosts.lazy.map(\.name)) : []
                    let guess = near.isEmpty ? "" : ". Did you mean \(near.map { "'\($0)'" }.joined(separator: " or "))?"
                    fault(subject, "lists '\(name)', which is not a host\(guess)", element.line)
                }
                if !seen.insert(name).inserted { fault(subject, "lists '\(name)' twice", element.line) }
            }
        }
    }

    // MARK: - Values

    private mutating func members(_ node: YAMLNode, _ subject: String) -> [YAMLNode.Member]? {
        guard let mapping = node.mapping else {
            fault(subject, "must be a mapping (NAME: VALUE), not \(node.typeName)", node.line)
            return nil
        }
        var names = Set<String>()
        for member in mapping { checkTwice(member.key, &names) }
        return mapping
    }

    private mutating func checkTwice(_ key: YAMLNode, _ names: inout Set<String>) {
        guard let name = key.text, !names.insert(name).inserted else { return }
        fault(name, "stands twice", key.line)
    }

    private mutating func elements(_ node: YAMLNode, _ subject: String) -> [YAMLNode]? {
        guard let sequence = node.sequence else {
            fault(subject, "must be a list, not \(node.typeName)", node.line)
            return nil
        }
        return sequence
    }

    private mutating func unknown(_ key: YAMLNode, among names: [String], of subject: String) {
        let name = key.text ?? key.typeName
        let near = nearestNames(to: name, in: names)
        let guess = near.first.map { " Did you mean '\($0)'?" } ?? ""
        fault(subject, "has no key '\(name)'.\(guess) Keys: \(names.joined(separator: ", "))", key.line)
    }

    private mutating func name(_ key: YAMLNode, _ what: String) -> String? {
        guard let name = key.text else {
            fault(what, "a \(what)'s name must be a text, not \(key.typeName)", key.line)
            return nil
        }
        if let problem = HostRules.name(name) {
            fault("\(what) '\(name)'", problem, key.line)
            return nil
        }
        return name
    }

    private mutating func text(_ node: YAMLNode, _ subject: String, _ rule: (String) -> String?) -> String? {
        guard let text = node.text else {
            fault(subject, "must be a text, not \(node.typeName)", node.line)
            return nil
        }
        guard let problem = rule(text) else { return text }
        fault(subject, problem, node.line)
        return nil
    }

    private mutating func port(_ node: YAMLNode, _ subject: String) -> Int? {
        if node.isPlain, let text = node.text, let port = Int(text), (1...65_535).contains(port) { return port }
        fault(
            subject, "must be a whole number from 1 to 65535, not \(node.text.map { "'\($0)'" } ?? node.typeName)",
            node.line)
        return nil
    }

    private mutating func hostKey(_ node: YAMLNode, _ subject: String) -> String? {
        guard let text = self.text(node, subject, { _ in nil }) else { return nil }
        do throws(HostKey.Fault) {
            return try HostKey(text).text
        } catch {
            fault(subject, error.message, node.line)
            return nil
        }
    }
}

/// Texts that stand in many hosts, each in memory once.
private struct SharedTexts {
    /// Swift keeps shorter ones in place.
    private static let shortest = 16

    private var texts = Set<String>()
    private var labels: [[String: String]: [String: String]] = [:]

    mutating func shared(_ text: String) -> String {
        text.utf8.count < SharedTexts.shortest ? text : texts.insert(text).memberAfterInsert
    }

    mutating func shared(_ labels: [String: String]) -> [String: String] {
        if labels.isEmpty { return [:] }
        if let known = self.labels[labels] { return known }
        self.labels[labels] = labels
        return labels
    }
}
