package import FlowModel

/// Where a step stands in a rehearsal: its path, behind those of the steps that call its run. Shown as `each[0]/make > create`.
package struct StepPlace: Hashable, Sendable, CustomStringConvertible {
    private static let mark = " > "

    /// The steps that call its run, outermost first.
    package var callers: [StepPath]
    package var path: StepPath
    /// The host that it runs on; nil: this machine.
    package var host: String?

    package init(_ path: StepPath, calledBy callers: [StepPath] = [], on host: String? = nil) {
        (self.path, self.callers, self.host) = (path, callers, host)
    }

    /// As it is shown.
    package init(_ text: String, on host: String? = nil) {
        let paths = StepPlace.paths(of: text).map { StepPath($0) }
        self.init(paths.last ?? StepPath(text), calledBy: Array(paths.dropLast()), on: host)
    }

    package var description: String { StepPlace.prefix(callers) + path.text }

    /// What stands before the paths of steps in a run that these steps call.
    static func prefix(_ callers: [StepPath]) -> String { callers.map { $0.text + mark }.joined() }

    /// At least one. No name and no key has such a mark in it.
    static func paths(of text: String) -> [String] {
        var paths: [String] = []
        var rest = text[...]
        while let range = rest.firstRange(of: mark) {
            paths.append(String(rest[..<range.lowerBound]))
            rest = rest[range.upperBound...]
        }
        return paths + [String(rest)]
    }
}
