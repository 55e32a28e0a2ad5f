/// A file that a step has brought in from its host, and that is kept with its run.
///
/// The bytes are a blob, by digest, for as long as the run's journal names it. Later steps name the file by a text, `artifact:SHA256`, where they
/// take one of this machine.
package struct Artifact: Hashable, Sendable {
    /// What it is called when it is downloaded: the name of a file, without folders.
    package var name: String
    package var digest: Digest
    package var bytes: Int

    package init(name: String, digest: Digest, bytes: Int) {
        self.name = name
        self.digest = digest
        self.bytes = bytes
    }

    package static let shape = TypeShape.object([
        .init(name: "name", shape: .string), .init(name: "sha256", shape: .string), .init(name: "bytes", shape: .int),
        .init(name: "file", shape: .string),
    ])

    /// What its step hands out.
    package var output: JSON {
        ["name": .string(name), "sha256": .string(digest.hex), "bytes": .int(bytes), "file": .string(Artifact.prefix + digest.hex)]
    }

    /// nil for what no such step hands out.
    package init?(output: JSON) {
        guard let name = output["name"]?.stringValue, Artifact.isName(name), let bytes = output["bytes"]?.intValue, bytes >= 0,
            let digest = output["sha256"]?.stringValue.flatMap({ Digest(hex: $0) })
        else { return nil }
        self.init(name: name, digest: digest, bytes: bytes)
    }

    // MARK: - As a file of later steps

    private static let prefix = "artifact:"

    /// Whether the text means an artifact and no path, whatever is wrong with it.
    package static func isReference(_ text: String) -> Bool { text.hasPrefix(prefix) }

    /// The digest that such a text names.
    package static func digest(in reference: String) -> Digest? {
        isReference(reference) ? Digest(hex: String(reference.dropFirst(prefix.count))) : nil
    }

    // MARK: - Names

    package static let nameRule = "is not the name of a file: 1 to 255 bytes, no / and no control characters, neither . nor .."

    package static func isName(_ text: String) -> Bool {
        (1...255).contains(text.utf8.count) && text != "." && text != ".."
            && !text.unicodeScalars.contains { $0 == "/" || $0.properties.generalCategory == .control }
    }
}
