import FlowCommand
import FlowLoading
import FlowModel

/// Flow files, compiled and evaluated on this machine.
struct LocalLoader: FlowFileLoader {
    let environment: [String: String]

    func load(_ path: String) async throws(FlowError) -> LoadedFile {
        let flow = try await FlowLoader(environment: environment).load(file: path)
        var binary: (path: String, digest: Digest)?
        if let path = flow.binary, let digest = flow.binaryDigest { binary = (path, digest) }
        return LoadedFile(plan: flow.plan, revision: flow.revision, binary: binary, assets: flow.assets, notices: flow.notices)
    }

    func inputs(
        _ texts: [(name: String, text: String)], and given: [String: JSON], for parameters: [Parameter]
    ) throws(FlowError) -> [String: JSON] {
        var values = given
        for (name, text) in texts {
            let kind = parameters.first { $0.name == name }?.kind
            // What is no value of that kind goes on as text, so that it is named among all other faults.
            values[name] = kind.flatMap { InputValidation.parse(text, as: $0) } ?? .string(text)
        }
        _ = try InputValidation.resolve(parameters, given: values)
        return values
    }

    func template(name: String) throws(FlowError) -> [(path: String, contents: String)] {
        let toolchain = try Toolchain.find(environment: environment)
        return try FlowTemplate.files(name: name, toolchain: toolchain).map { ($0.path, $0.contents) }
    }

    func findings() async -> [Finding] {
        var findings: [Finding] = []
        do {
            let toolchain = try Toolchain.find(environment: environment)
            findings.append(Finding("compiler", .ok, "\(toolchain.compiler), FlowDSL in \(toolchain.modules)"))
        } catch {
            // A server needs no compiler, and neither does a plan in JSON.
            findings.append(Finding("compiler", .warn, error.message, hint: error.hint))
        }
        let level = Confinement.level()
        if level.isComplete {
            findings.append(Finding("evaluation", .ok, "flow files are evaluated under Landlock \(level.landlock) and seccomp"))
        } else {
            findings.append(
                Finding(
                    "evaluation", .warn, level.missing.joined(separator: "; "),
                    hint: "load flow files of people you trust only, or use a kernel with Landlock and seccomp"))
        }
        return findings
    }
}
