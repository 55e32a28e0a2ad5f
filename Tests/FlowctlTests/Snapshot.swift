import Foundation
import Testing

/// Compares `text` with `Snapshots/NAME.txt`. `FLOW_SNAPSHOTS=record` writes it instead, to be looked at before it is committed.
func expectSnapshot(_ text: String, _ name: String, sourceLocation: SourceLocation = #_sourceLocation) throws {
    try expect(text, at: folder.appending(path: "Snapshots/\(name).txt"), sourceLocation: sourceLocation)
}

/// The same with any file.
func expect(_ text: String, at file: URL, sourceLocation: SourceLocation = #_sourceLocation) throws {
    if ProcessInfo.processInfo.environment["FLOW_SNAPSHOTS"] == "record" {
        try Data(text.utf8).write(to: file)
        return
    }
    let known = try #require(
        try? String(contentsOf: file, encoding: .utf8), "no \(file.lastPathComponent)", sourceLocation: sourceLocation)
    guard known != text else { return }
    let lines = (known.components(separatedBy: "\n"), text.components(separatedBy: "\n"))
    let line = zip(lines.0, lines.1).enumerated().first { $0.element.0 != $0.element.1 }
    Issue.record(
        "\(file.lastPathComponent) differs at line \((line?.offset ?? min(lines.0.count, lines.1.count)) + 1):\n- \(line?.element.0 ?? "")\n+ \(line?.element.1 ?? "")\n\nall:\n\(text)",
        sourceLocation: sourceLocation)
}

/// The folder of these tests, wherever the tree is.
let folder = URL(filePath: #filePath).deletingLastPathComponent().resolvingSymlinksInPath()
