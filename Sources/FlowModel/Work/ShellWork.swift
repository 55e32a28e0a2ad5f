/// A command or script for a worker.
package struct ShellWork: WorkOrder {
    package struct Variable: Hashable, Sendable {
        package var name: String
        package var value: String

        package init(name: String, value: String) {
            self.name = name
            self.value = value
        }
    }

    package var interpreter: ShellSpec.Interpreter
    package var source: ShellSpec.Source
    package var variables: [Variable]
    package var arguments: [String]
    package var environment: [String: String]
    package var workdir: String?
    package var account: String?
    /// The shape of what it writes to `$FLOW_OUTPUT`, if declared.
    package var output: TypeShape?

    package init(
        interpreter: ShellSpec.Interpreter, source: ShellSpec.Source, variables: [Variable] = [], arguments: [String] = [],
        environment: [String: String] = [:], workdir: String? = nil, account: String? = nil, output: TypeShape? = nil
    ) {
        self.output = output
        self.interpreter = interpreter
        self.source = source
        self.variables = variables
        self.arguments = arguments
        self.environment = environment
        self.workdir = workdir
        self.account = account
    }

    package func mapTexts<Failure: Error>(_ change: (String) throws(Failure) -> String) throws(Failure) -> ShellWork {
        var work = self
        for index in variables.indices { work.variables[index].value = try change(variables[index].value) }
        for index in arguments.indices { work.arguments[index] = try change(arguments[index]) }
        for (name, value) in environment { work.environment[name] = try change(value) }
        if let workdir { work.workdir = try change(workdir) }
        if let account { work.account = try change(account) }
        return work
    }
}
