internal import FlowModel

/// Where in the flow file something was written: `#fileID` and `#line` of the call.
struct Site: Hashable, Sendable {
    var file: String
    var line: Int

    init(_ fileID: String, _ line: Int) {
        file = String(fileID.split(separator: "/").last ?? "")
        self.line = line
    }

    var location: SourceLocation { SourceLocation(file: file, line: line) }
}
