import FlowModel

/// Which steps are meant: the last parts of their paths, as `flowctl` shows them.
///
/// `switch` is every step of that name, `deploy/switch` those in `deploy`, `deploy[web-3]/switch` the one of that element, `deploy[web-*]/switch`
/// those of several; `switch[web-3]` is the step on that host, wherever it stands. `undo:` and `between:` may be left out. `make > create` is the
/// step in the flow that `make` calls.
package struct StepPattern: Hashable, Sendable, CustomStringConvertible {
    package let description: String
    private let parts: [Part]
    /// The steps that call the run in which it stands, outermost first, as far as they are said.
    let callers: [StepPattern]

    struct Part: Hashable, Sendable {
        var name: String
        var key: String?

        /// `switch` names `undo:switch`, too.
        func names(_ other: String) -> Bool {
            if name == other { return true }
            guard !name.contains(":"), let colon = other.firstIndex(of: ":") else { return false }
            return other[other.index(after: colon)...] == name
        }

        func admits(_ other: String?) -> Bool {
            guard let key else { return true }
            return other.map(Glob(key).matches) ?? false
        }
    }

    /// nil for a text that is no path.
    package init?(_ text: String) {
        var callers: [StepPattern] = []
        let paths = StepPlace.paths(of: text)
        for path in paths.dropLast() {
            guard let caller = StepPattern(path) else { return nil }
            callers.append(caller)
        }
        guard let parts = StepPattern.parts(of: paths.last ?? ""), parts.allSatisfy({ !$0.name.isEmpty && $0.key?.isEmpty != true }) else {
            return nil
        }
        description = text
        (self.parts, self.callers) = (parts, callers)
    }

    /// The keys that are said, each with the id of the step that has elements of such keys; nil: the last one's, which may be a host or that of any
    /// element that it stands in.
    func keys(in id: String) -> [(owner: String?, key: String, next: String?)] {
        let names = id.split(separator: "/").map(String.init)
        let first = names.count - parts.count
        return parts.indices.compactMap { number in
            guard let key = parts[number].key else { return nil }
            let isLast = number == parts.count - 1
            return (isLast ? nil : names[...(first + number)].joined(separator: "/"), key, isLast ? nil : names[first + number + 1])
        }
    }

    /// Whether a step of the plan may be meant, whatever its element, and whoever calls it.
    func names(_ node: Node) -> Bool { names(StepPattern.parts(of: node.id) ?? []) }

    private func names(_ path: [Part]) -> Bool {
        path.count >= parts.count && zip(path.suffix(parts.count), parts).allSatisfy { $1.names($0.name) }
    }

    /// Whether the step at this place is meant.
    package func matches(_ place: StepPlace) -> Bool {
        guard matches(place.path, on: place.host), place.callers.count >= callers.count else { return false }
        return zip(place.callers.suffix(callers.count), callers).allSatisfy { $1.matches($0, on: nil) }
    }

    private func matches(_ path: StepPath, on host: String?) -> Bool {
        let path = StepPattern.parts(of: path.text) ?? []
        guard names(path), let own = parts.last else { return false }
        let isOwnKey = own.key == nil || path.last?.key != nil
        for (part, pattern) in zip(path.suffix(parts.count).dropLast(isOwnKey ? 0 : 1), parts) where !pattern.admits(part.key) { return false }
        // The key of a step without elements is that of its host, or of the element that it stands in.
        return isOwnKey || own.admits(host) || own.admits(path.dropLast().last { $0.key != nil }?.key)
    }

    /// The id in the plan of the step at this path.
    static func id(of path: StepPath) -> String { (parts(of: path.text) ?? []).map(\.name).joined(separator: "/") }

    /// The names and keys of a path. Keys have no brackets in them, and may have a slash.
    private static func parts(of text: String) -> [Part]? {
        var parts: [Part] = []
        var rest = text[...]
        while true {
            let end = rest.firstIndex { $0 == "/" || $0 == "[" } ?? rest.endIndex
            var part = Part(name: String(rest[..<end]))
            rest = rest[end...]
            if rest.first == "[" {
                guard let close = rest.firstIndex(of: "]") else { return nil }
                part.key = String(rest[rest.index(after: rest.startIndex)..<close])
                rest = rest[rest.index(after: close)...]
            }
            parts.append(part)
            guard let slash = rest.first else { return parts }
            guard slash == "/" else { return nil }
            rest = rest.dropFirst()
        }
    }
}
