import FlowInventory
import FlowModel

/// Whether what stands in brackets behind the names of a pattern can be there: hosts are those of the inventory, other elements have numbers.
struct KeyCheck {
    let inventory: Inventory
    let plan: Plan

    /// What the elements of a step are called.
    private enum Sort {
        case hosts
        case numbers(from: Int)
        case batches

        var words: String {
            switch self {
            case .hosts: "hosts"
            case .numbers(let first): "numbers from \(first)"
            case .batches: "'batch 1' and so on"
            }
        }
    }

    /// What is wrong with the keys where the pattern means this step; nil: nothing.
    func fault(_ pattern: StepPattern, _ node: Node) -> String? {
        for (owner, key, next) in pattern.keys(in: node.id) {
            let sorts = owner.map { self.sorts(of: $0, before: next) } ?? ownSorts(of: node)
            guard !sorts.contains(where: { admits($0, key) }) else { continue }
            let name = owner ?? node.id
            guard !sorts.isEmpty else { return "'\(name)' has no elements, found [\(key)]" }
            let hosts = sorts.contains { if case .hosts = $0 { true } else { false } }
            guard hosts else { return "the elements of '\(name)' are \(sorts.map(\.words).joined(separator: " or ")), found [\(key)]" }
            return "'\(key)' is no host of the inventory\(inventory.advice(on: key))"
        }
        return nil
    }

    private func admits(_ sort: Sort, _ key: String) -> Bool {
        switch sort {
        case .hosts: inventory.hosts.contains { Glob(key).matches($0.name) }
        case .numbers(let first): Glob.isPattern(key) || Int(key).map { $0 >= first } ?? false
        case .batches: Glob.isPattern(key) || key.hasPrefix("batch ") && Int(key.dropFirst(6)).map { $0 > 0 } ?? false
        }
    }

    /// - Parameter next: the name of the step inside that is meant.
    private func sorts(of id: String, before next: String?) -> [Sort] {
        guard let node = plan.nodes.first(where: { $0.id == id }) else { return [] }
        switch node.kind {
        case .rollout: return next?.hasPrefix(Node.Part.between.prefix) == true ? [.batches] : [.hosts]
        case .map(let map): if case .hosts = map.elements { return [.hosts] } else { return [.numbers(from: 0)] }
        case .repeatUntil: return [.numbers(from: 1)]
        case .work, .approval, .sleep, .sleepUntil, .waitFor, .choice, .call: return []
        }
    }

    /// Of all that the step stands in; and it may run on a host.
    private func ownSorts(of node: Node) -> [Sort] {
        var sorts: [Sort] = node.work?.target == nil ? [] : [.hosts]
        var (name, scope) = (node.id.split(separator: "/").last.map(String.init), node.scope)
        while let id = scope {
            sorts += self.sorts(of: id, before: name)
            name = id.split(separator: "/").last.map(String.init)
            scope = plan.nodes.first { $0.id == id }?.scope
        }
        return sorts
    }
}
