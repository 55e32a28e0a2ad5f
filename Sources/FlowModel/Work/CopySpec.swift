/// A file to a target. Output: `{"changed","sha256","bytes"}`.
package struct CopySpec: Hashable, Sendable, Codable {
    /// A path here, absolute.
    package var from: Expression
    /// An absolute path on the target.
    package var to: Expression
    package var target: Expression?
    package var account: Expression?
    /// Octal permission bits such as "0644"; nil keeps those of an existing file, and gives a new one those of its source.
    package var mode: String?

    package init(from: Expression, to: Expression, target: Expression? = nil, account: Expression? = nil, mode: String? = nil) {
        self.from = from
        self.to = to
        self.target = target
        self.account = account
        self.mode = mode
    }
}

extension CopySpec: WorkSpec {
    package static let kind = "copy"
    package static let shape = TypeShape.object([
        .init(name: "changed", shape: .bool), .init(name: "sha256", shape: .string), .init(name: "bytes", shape: .int),
    ])

    package var expressions: [Expression] { [from, to] + [target, account].compactMap { $0 } }

    package func order(_ values: WorkValues) throws(EvaluationError) -> any WorkOrder {
        CopyWork(from: try values.text(from), to: try values.text(to), account: try values.account(account), mode: mode)
    }

    package func outputShape(declared: TypeShape?) -> TypeShape? { CopySpec.shape }

    package func assumedOutput(_ given: JSON?) -> JSON { given ?? ["changed": true] }
    package func rehearsedChange(_ output: JSON) -> Bool? { output["changed"]?.boolValue }
    package func rehearsedFailure(status: Int) -> AttemptResult.Failure { AttemptResult.Failure(.exitStatus, "the file could not be copied") }

    package var mistakes: [String] {
        var faults: [String] = []
        if let mode, !((3...4).contains(mode.utf8.count) && mode.utf8.allSatisfy { (0x30...0x37).contains($0) }) {
            faults.append("its mode must be octal permission bits such as \"0644\", found \"\(mode)\"")
        }
        if let start = from.constantStart, !start.hasPrefix("/") {
            faults.append(
                "its source path must be absolute, since 'from:' names a file on the engine's machine, found one that begins with '\(start)'")
        }
        if let start = to.constantStart, !start.hasPrefix("/") {
            faults.append("its target path must be absolute, found one that begins with '\(start)'")
        }
        return faults
    }

    package func summary(_ words: any ExpressionWords) -> String? {
        "\(words.text(from)) → \(target.map { words.text($0) + ":" } ?? "")\(words.text(to))"
    }
}
