package import FlowModel

/// Which steps are meant: the last parts of their paths.
///
/// `switch` is every step of that name, `deploy/switch` those in `deploy`, `deploy[web-3]/switch` the one of that element, `deploy[web-*]/switch`
/// those of several; `switch[web-3]` is the step on that host, wherever it stands. `undo:` and `between:` may be left out.
package struct StepPattern: Hashable, Sendable, CustomStringConvertible {
    package let description: String
    private let parts: [Part]

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
        guard let parts = StepPattern.parts(of: text), !parts.isEmpty, parts.allSatisfy({ !$0.name.isEmpty && $0.key?.isEmpty != true }) else {
            return nil
        }
        description = text
        self.parts = parts
    }

    /// Whether a step of the plan may be meant, whatever its element.
    func names(_ node: Node) -> Bool { names(StepPattern.parts(of: node.id) ?? []) }

    private func names(_ path: [Part]) -> Bool {
        path.count >= parts.count && zip(path.suffix(parts.count), parts).allSatisfy { $1.names($0.name) }
    }

    /// Whether the step at this path is meant.
    /// - Parameter host: the host that it runs on.
    package func matches(_ path: StepPath, on host: String? = nil) -> Bool {
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
