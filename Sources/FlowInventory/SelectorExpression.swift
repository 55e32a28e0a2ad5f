package import FlowModel

/// A selector as parsed: `group:web & !role=canary | db-*`.
package indirect enum SelectorExpression: Hashable, Sendable {
    /// The host of that name; `at` is the character where it stands, from 1.
    case name(String, at: Int)
    case glob(Glob)
    case group(String, at: Int)
    case label(String, Glob)
    case not(SelectorExpression)
    case all([SelectorExpression])
    case any([SelectorExpression])

    /// Throws `selector`, naming the position, for a text that is not one.
    package init(_ text: String) throws(FlowError) {
        var parser = try SelectorParser(text)
        self = try parser.parse()
    }

    /// The hosts it means, in inventory order; none is an answer.
    ///
    /// Throws `selector` for the names and groups that do not exist, all at once.
    package func hosts(in inventory: Inventory) throws(FlowError) -> [Host] {
        var unknown: [FlowError.Detail] = []
        collectUnknown(in: inventory, &unknown)
        if let first = unknown.first {
            throw FlowError(
                .selector, subject: first.subject, "The selector was not resolved: \(first.message)",
                hint: "flowctl inventory list", errors: unknown.count > 1 ? unknown : [])
        }
        let chosen = matches(in: inventory)
        return zip(inventory.hosts, chosen).compactMap { $1 ? $0 : nil }
    }

    private func collectUnknown(in inventory: Inventory, _ unknown: inout [FlowError.Detail]) {
        switch self {
        case .name(let name, let at):
            guard inventory.position(of: name) == nil else { return }
            unknown.append(missing("host", name, at, unknown.count, inventory.hosts.lazy.map(\.name)))
        case .group(let name, let at):
            guard inventory.groups[name] == nil else { return }
            unknown.append(missing("group", name, at, unknown.count, inventory.groups.keys.sorted()))
        case .glob, .label: return
        case .not(let inner): inner.collectUnknown(in: inventory, &unknown)
        case .all(let parts), .any(let parts): for part in parts { part.collectUnknown(in: inventory, &unknown) }
        }
    }

    /// The nearest names are looked for among all of them: for the first few only.
    private func missing(_ what: String, _ name: String, _ at: Int, _ before: Int, _ known: some Sequence<String>) -> FlowError.Detail {
        let near = before < InventoryLimits.guesses ? nearestNames(to: name, in: known) : []
        let guess = near.isEmpty ? "" : " Did you mean \(near.map { "'\($0)'" }.joined(separator: " or "))?"
        return .init(subject: name, message: "there is no \(what) '\(name)' (character \(at)).\(guess)")
    }

    /// Whether each host matches, in inventory order. Work grows with hosts times terms.
    private func matches(in inventory: Inventory) -> [Bool] {
        switch self {
        case .name(let name, _):
            var chosen = [Bool](repeating: false, count: inventory.hosts.count)
            if let position = inventory.position(of: name) { chosen[position] = true }
            return chosen
        case .group(let name, _):
            var chosen = [Bool](repeating: false, count: inventory.hosts.count)
            for member in inventory.groups[name] ?? [] {
                if let position = inventory.position(of: member) { chosen[position] = true }
            }
            return chosen
        case .glob(let glob): return inventory.hosts.map { glob.matches($0.name) }
        case .label(let key, let glob): return inventory.hosts.map { $0.labels[key].map(glob.matches) ?? false }
        case .not(let inner): return inner.matches(in: inventory).map { !$0 }
        case .all(let parts): return combine(parts, inventory) { $0 && $1 }
        case .any(let parts): return combine(parts, inventory) { $0 || $1 }
        }
    }

    private func combine(_ parts: [SelectorExpression], _ inventory: Inventory, _ merge: (Bool, Bool) -> Bool) -> [Bool] {
        var result = parts[0].matches(in: inventory)
        for part in parts.dropFirst() {
            let other = part.matches(in: inventory)
            for position in result.indices { result[position] = merge(result[position], other[position]) }
        }
        return result
    }
}
