/// A command or script, here or on a target. Output: `{"exitStatus","stdout","changed","value"}`, value only if declared.
package struct ShellSpec: Hashable, Sendable {
    package enum Interpreter: String, Hashable, Sendable, Codable, CaseIterable {
        case sh, bash, python
    }

    package enum Source: Hashable, Sendable {
        /// Script text, constant: values appear in it as quoted variables only.
        case text(String)
        /// An embedded file, by digest.
        case asset(Digest)
    }

    /// A value that the script sees as a shell variable, not exported.
    package struct Variable: Hashable, Sendable, Codable {
        package var name: String
        package var value: Expression

        package init(name: String, value: Expression) {
            self.name = name
            self.value = value
        }
    }

    package var interpreter: Interpreter
    package var source: Source
    /// The values of the interpolations, `flow_1`, `flow_2` …; text form `JSON.text`.
    package var variables: [Variable]
    /// `$1`, `$2` … (`sys.argv[1:]` for python). They never appear in a process's argument list.
    package var arguments: [Expression]
    package var environment: [String: Expression]
    package var workdir: Expression?
    /// A host name or selector that matches one host; nil means here.
    package var target: Expression?
    /// The account to run as, through `sudo -n`.
    package var account: Expression?

    package init(
        interpreter: Interpreter = .sh, source: Source, variables: [Variable] = [], arguments: [Expression] = [],
        environment: [String: Expression] = [:], workdir: Expression? = nil, target: Expression? = nil,
        account: Expression? = nil
    ) {
        self.interpreter = interpreter
        self.source = source
        self.variables = variables
        self.arguments = arguments
        self.environment = environment
        self.workdir = workdir
        self.target = target
        self.account = account
    }
}

extension ShellSpec: WorkSpec {
    package static let kind = "shell"

    package var expressions: [Expression] {
        variables.map(\.value) + arguments + environment.sorted { $0.key < $1.key }.map(\.value) + [workdir, target, account].compactMap { $0 }
    }

    package func order(_ values: WorkValues) throws(EvaluationError) -> any WorkOrder {
        var variables: [ShellWork.Variable] = []
        for variable in self.variables { variables.append(.init(name: variable.name, value: try values.text(variable.value))) }
        var arguments: [String] = []
        for argument in self.arguments { arguments.append(try values.text(argument)) }
        var environment: [String: String] = [:]
        for name in self.environment.keys.sorted() { environment[name] = try values.text(self.environment[name]) }
        return ShellWork(
            interpreter: interpreter, source: source, variables: variables, arguments: arguments, environment: environment,
            workdir: try values.text(workdir), account: try values.account(account), output: values.output)
    }

    package func outputShape(declared: TypeShape?) -> TypeShape? {
        var fields = [
            TypeShape.Field(name: "exitStatus", shape: .int), .init(name: "stdout", shape: .string), .init(name: "changed", shape: .bool),
        ]
        if let declared { fields.append(.init(name: "value", shape: declared)) }
        return .object(fields)
    }

    package func givenShape(declared: TypeShape?) -> TypeShape? { declared }

    package func assumedOutput(_ given: JSON?) -> JSON {
        var members: [String: JSON] = ["exitStatus": 0, "stdout": "", "changed": true]
        if let given { members["value"] = given }
        return .object(members)
    }

    package func rehearsedOutput(of step: String, declared: TypeShape?, given: JSON?) -> JSON {
        let value = given ?? declared?.invented(as: step)
        var members: [String: JSON] = ["exitStatus": 0, "stdout": JSON.invented(as: "\(step).stdout")]
        members["value"] = value
        // A script that does not say so has changed nothing.
        members["changed"] = .bool(value?["changed"]?.boolValue ?? false)
        return .object(members)
    }

    package func rehearsedOutputFault(_ output: JSON) -> String? {
        let status = output["exitStatus"] ?? .null
        return status == 0 ? nil : "exitStatus: a command that succeeds has 0, found \(status.canonical); --fail lets it fail"
    }

    package func rehearsedChange(_ output: JSON) -> Bool? { output["changed"] == true ? true : nil }
    package func rehearsedFailure(status: Int) -> AttemptResult.Failure { AttemptResult.Failure(.exitStatus, "exit status \(status)") }

    package func rehearsedStatusFault(_ status: Int) -> String? {
        (1...255).contains(status) ? nil : "fails with an exit status from 1 to 255, found \(status)"
    }

    package var canBeProbed: Bool { true }

    package func faults(in plan: Plan) -> [String] { faults(in: plan, of: "") }

    /// - Parameter owner: whose command it is, such as "probe's "; empty for the step's own.
    package func faults(in plan: Plan, of owner: String) -> [String] {
        var faults = sourceFaults(in: plan).map { "its \(owner)\($0)" }
        for name in variables.map(\.name) + environment.keys.sorted() where !name.isVariableName {
            faults.append("'\(name)' is not a variable name: letters, digits and _, not beginning with a digit")
        }
        for name in environment.keys.sorted() where name.hasPrefix("FLOW_") {
            faults.append("'\(name)' is Flow's own: names that begin with FLOW_ cannot be set")
        }
        return faults
    }

    private func sourceFaults(in plan: Plan) -> [String] {
        switch source {
        case .text(let text):
            var faults: [String] = []
            if text.utf8.count > Limits.scriptBytes {
                faults.append("command has \(text.utf8.count) bytes; at most \(Limits.scriptBytes) are allowed")
            }
            if text.utf8.contains(0) { faults.append("command has a NUL character") }
            return faults
        case .asset(let digest):
            return plan.assets.contains { $0.digest == digest } ? [] : ["script \(digest.short) is not among the plan's assets"]
        }
    }

    package var mistakes: [String] { mistakes(of: "") }

    /// A probe of nothing would say that its step took effect.
    package func mistakes(of owner: String) -> [String] {
        if case .text(let text) = source, text.allSatisfy(\.isWhitespace) { ["its \(owner)command is empty"] } else { [] }
    }

    package var assets: [Digest] { if case .asset(let digest) = source { [digest] } else { [] } }

    package func replacing(assets: [Digest: Digest]) -> ShellSpec {
        guard case .asset(let digest) = source, let other = assets[digest] else { return self }
        var spec = self
        spec.source = .asset(other)
        return spec
    }

    package func summary(_ words: any ExpressionWords) -> String? {
        (target.map { "on \(words.text($0))" } ?? "here") + (account.map { " as \(words.text($0))" } ?? "")
    }

    /// The command: what stands for a value that is not known yet is in braces, as in other texts.
    package func details(in plan: Plan, _ words: any ExpressionWords) -> [String] {
        switch source {
        case .text(let text):
            let command = variables.reduce(text) { text, variable in
                text.replacing("\"${\(variable.name)}\"", with: words.word(variable.value))
            }
            // By scalars: to Swift CR LF is one character. Not at CR, which is part of a command, and shown.
            let lines = command.unicodeScalars.split(separator: "\n", omittingEmptySubsequences: false).map { String($0) }
            let shown = lines.prefix(Limits.commandLinesShown).enumerated().map { ($0.offset == 0 ? "$ " : "  ") + $0.element }
            return lines.count > shown.count ? shown + ["  … \(lines.count - shown.count) more lines"] : shown
        case .asset(let digest):
            let name = plan.assets.first { $0.digest == digest }?.name ?? digest.short
            return ["$ " + ([name] + arguments.map(words.word)).joined(separator: " ")]
        }
    }
}
