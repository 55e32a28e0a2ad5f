/// A file of a target into an artifact of the run. Output: `Artifact.output`.
package struct FetchSpec: Hashable, Sendable, Codable {
    /// An absolute path on the target.
    package var path: Expression
    package var target: Expression?
    package var account: Expression?
    /// What the artifact is called; nil: as the file is.
    package var artifact: Expression?
    /// A longer file is refused.
    package var maxBytes: Int

    package init(
        path: Expression, target: Expression? = nil, account: Expression? = nil, artifact: Expression? = nil,
        maxBytes: Int = Limits.fetchBytes
    ) {
        self.path = path
        self.target = target
        self.account = account
        self.artifact = artifact
        self.maxBytes = maxBytes
    }
}

extension FetchSpec: WorkSpec {
    package static let kind = "fetch"

    package var expressions: [Expression] { [path] + [target, account, artifact].compactMap { $0 } }

    package func order(_ values: WorkValues) throws(EvaluationError) -> any WorkOrder {
        FetchWork(path: try values.text(path), account: try values.account(account), artifact: try values.text(artifact), maxBytes: maxBytes)
    }

    package func outputShape(declared: TypeShape?) -> TypeShape? { Artifact.shape }
    package func assumedOutput(_ given: JSON?) -> JSON { given ?? [:] }
    package static var artifact: (@Sendable (JSON) -> Artifact?)? { { Artifact(output: $0) } }
    /// To read changes nothing.
    package var isRepeatable: Bool { true }

    package func rehearsedOutput(of step: String, declared: TypeShape?, given: JSON?) -> JSON {
        let name = artifact?.constantText ?? path.constantText.map(FetchWork.name) ?? "file"
        return given ?? Artifact(name: name, digest: Digest(bytes: [UInt8](repeating: 0, count: 32)), bytes: 0).output
    }

    package func faults(in plan: Plan) -> [String] {
        (1...Limits.fetchLargestBytes).contains(maxBytes)
            ? [] : ["its maxBytes is from 1 to \(Limits.fetchLargestBytes), found \(maxBytes)"]
    }

    package var mistakes: [String] {
        var faults: [String] = []
        if let start = path.constantStart, !start.hasPrefix("/") {
            faults.append("its path must be absolute, since it names a file on the target, found one that begins with '\(start)'")
        }
        if let name = artifact?.constantText, !Artifact.isName(name) { faults.append("its artifact '\(name)' \(Artifact.nameRule)") }
        return faults
    }

    package func summary(_ words: any ExpressionWords) -> String? {
        "\(target.map { words.text($0) + ":" } ?? "")\(words.text(path))" + (artifact.map { " → \(words.text($0))" } ?? "")
    }
}
